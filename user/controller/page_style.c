/* SPDX-License-Identifier: Apache-2.0 */
/* The style sheet of the HTML report, from the file beside this one. */
#include "user/controller/page.h"

__asm__(".section .rodata\n"
	".global page_style\n"
	".type page_style, @object\n"
	"page_style:\n"
	".incbin \"user/controller/page.css\"\n"
	".byte 0\n"
	".size page_style, . - page_style\n"
	".previous\n");
