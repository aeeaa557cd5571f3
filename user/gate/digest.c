/* SPDX-License-Identifier: Apache-2.0 */
#include "user/gate/digest.h"

#include <errno.h>
#include <stdio.h>

#include <openssl/evp.h>

int digest_sha256(const void *data, size_t size, char ret_text[DIGEST_TEXT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;

	if (!EVP_Digest(data, size, digest, &length, EVP_sha256(), NULL) ||
	    2 * length + 1 != DIGEST_TEXT_SIZE)
		return -EIO;
	for (unsigned int i = 0; i < length; i++)
		snprintf(ret_text + 2 * (size_t)i, 3, "%02x", digest[i]);
	return 0;
}
