/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, prefixes and ports in the form of kernel/contract.h: IPv4 is written v4-mapped. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

struct address_prefix {
	uint8_t address[16]; /* network byte order, v4-mapped for IPv4; bits below length are 0 */
	uint8_t length;	     /* bits of the address's own family: 0..32 or 0..128 */
	bool ipv4;
};

struct port_range {
	uint16_t first, last; /* host byte order, both included, 1..65535 */
};

/*
 * "10.0.0.0/8", "169.254.169.254", "fd00:ec2::254", "[fd00::1]". -EINVAL when it is neither;
 * -ERANGE when bits are set below the prefix length ("10.0.0.1/8").
 */
int address_parse_prefix(const char *text, struct address_prefix *ret_prefix);

/* The same, but clears the bits below the prefix length: what "10.0.0.1/8" should have been. */
int address_mask_prefix(const char *text, struct address_prefix *ret_prefix);

#define ADDRESS_TEXT_SIZE 64
void address_format_prefix(const struct address_prefix *prefix, char buffer[ADDRESS_TEXT_SIZE]);
/* The bare address, no length; `address` as in the contract. */
void address_format(const uint8_t address[16], char buffer[ADDRESS_TEXT_SIZE]);

bool address_prefix_contains(const struct address_prefix *outer,
			     const struct address_prefix *inner);
bool address_prefix_matches(const struct address_prefix *prefix, const uint8_t address[16]);

/* "443" or "8000-8010". -EINVAL: not of the form; -ERANGE: not in 1..65535, or first above last. */
int port_parse_range(const char *text, struct port_range *ret_range);

/*
 * A host name or a wildcard "*.example.com": lower-cases into `ret_name` (256 bytes). -EINVAL when
 * a label is empty or over 63 bytes, a character is not LDH or '_', the whole is over 253 bytes, or
 * a '*' stands anywhere but as the whole first label in front of at least two labels.
 * "productionresultssa*.blob.core.windows.net" (a '*' at the end of the first label) is accepted
 * too and widened by the caller; `ret_partial` tells. With `ret_partial` NULL it is -EINVAL.
 */
#define NAME_SIZE 256
int name_parse(const char *text, char ret_name[NAME_SIZE], bool *ret_partial);

#endif
