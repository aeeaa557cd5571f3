/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/authority_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/file.h"
#include "user/controller/state.h"
#include "user/protocol/base64.h"

#define CERTIFICATE_MAX 65536U
#define STORE_MAX	(16U << 20)
#define SYSTEM_STORE	"/etc/ssl/certs/ca-certificates.crt"

const struct authority_place authority_places[] = {
	{"curl, wget, git, apt", SYSTEM_STORE, "CURL_CA_BUNDLE",
	 "copy it to /usr/local/share/ca-certificates/faultd.crt, run update-ca-certificates"},
	{"OpenSSL, Python's ssl, Ruby, PHP", SYSTEM_STORE, "SSL_CERT_FILE", "as curl"},
	{"Go", SYSTEM_STORE, "SSL_CERT_FILE", "as curl"},
	{"Node", NULL, "NODE_EXTRA_CA_CERTS",
	 "NODE_EXTRA_CA_CERTS=ca.pem, or node --use-openssl-ca"},
	{"Python's requests, pip", NULL, "REQUESTS_CA_BUNDLE",
	 "REQUESTS_CA_BUNDLE=" SYSTEM_STORE " (pip: PIP_CERT)"},
	{"Java", "/etc/ssl/certs/java/cacerts", NULL,
	 "as curl where ca-certificates-java is installed, else "
	 "keytool -importcert -cacerts -alias faultd -file ca.pem"},
};
const size_t authority_places_count = ARRAY_SIZE(authority_places);

static int make_path(char path[PATH_MAX], const char *directory, const char *name)
{
	return snprintf(path, PATH_MAX, "%s/%s", directory, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int authority_read(const char *directory, char **ret_pem, size_t *ret_length)
{
	char path[PATH_MAX];
	int r = make_path(path, directory, "ca.pem");

	return r < 0 ? r : file_read(path, CERTIFICATE_MAX, ret_pem, ret_length);
}

static int write_all(int fd, const char *text)
{
	size_t length = strlen(text);

	while (length > 0) {
		ssize_t written = write(fd, text, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		text += written;
		length -= (size_t)written;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* Under another name first, so that nobody reads half of it. */
static int put_file(const char *path, const char *text, mode_t mode)
{
	_cleanup_free_ char *draft = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	if (asprintf(&draft, "%s.new", path) < 0) {
		draft = NULL;
		return -ENOMEM;
	}
	unlink(draft);
	fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	r = fchmod(fd, mode) < 0 ? -errno : write_all(fd, text);
	if (r == 0 && rename(draft, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(draft);
	return r;
}

int authority_write(const char *directory, const struct gate_authority_pem *pem, bool replace,
		    struct failure *failure)
{
	char key[PATH_MAX], certificate[PATH_MAX];
	int r = make_path(key, directory, "ca.key");

	if (r == 0)
		r = make_path(certificate, directory, "ca.pem");
	if (r < 0)
		return fail(failure, r, "%s: too long", directory);
	if (!replace && (access(key, F_OK) == 0 || access(certificate, F_OK) == 0))
		return fail(failure, -EEXIST,
			    "%s: an authority is there already; --replace makes another one, "
			    "which clients do not trust yet",
			    directory);
	r = state_make_directories(directory, failure);
	if (r < 0)
		return r;
	r = put_file(key, pem->key, 0400);
	if (r < 0)
		return fail(failure, r, "%s: %s", key, strerror(-r));
	r = put_file(certificate, pem->certificate, 0644);
	if (r < 0)
		return fail(failure, r, "%s: %s", certificate, strerror(-r));
	return 0;
}

/* What stands between the lines of a PEM text, decoded. */
static int decode_pem(const char *pem, char **ret_bytes, size_t *ret_length)
{
	const char *start = strstr(pem, "-----\n"),
		   *end = start ? strstr(start + 6, "-----") : NULL;
	_cleanup_free_ char *packed = NULL;
	size_t used = 0;

	if (!end)
		return -EINVAL;
	start += 6;
	packed = malloc((size_t)(end - start) + 1);
	if (!packed)
		return -ENOMEM;
	for (; start < end; start++)
		if (*start != '\n' && *start != '\r')
			packed[used++] = *start;
	packed[used] = '\0';
	return base64_decode(packed, ret_bytes, ret_length);
}

/* Java's key stores hold certificates as they are, between other things. */
static bool holds_bytes(const char *store, size_t store_length, const char *pem)
{
	_cleanup_free_ char *bytes = NULL;
	size_t length;

	return decode_pem(pem, &bytes, &length) == 0 &&
	       memmem(store, store_length, bytes, length) != NULL;
}

static enum authority_trust check_file(const char *path, const char *pem, size_t length)
{
	_cleanup_(gate_trust_cleanup) struct gate_trust *trust = NULL;
	_cleanup_free_ char *store = NULL;
	size_t store_length;
	int r = file_read(path, STORE_MAX, &store, &store_length);

	if (r < 0)
		return r == -ENOENT ? AUTHORITY_ABSENT : AUTHORITY_UNKNOWN;
	if (gate_trust_new(store, store_length, &trust, NULL) == 0)
		return gate_trust_has(trust, pem, length) == 1 ? AUTHORITY_TRUSTED
							       : AUTHORITY_DISTRUSTED;
	return holds_bytes(store, store_length, pem) ? AUTHORITY_TRUSTED : AUTHORITY_DISTRUSTED;
}

enum authority_trust authority_check(const struct authority_place *place, const char *pem,
				     size_t length, char *found, size_t size)
{
	const char *named = place->variable ? getenv(place->variable) : NULL;
	const char *path = named && *named ? named : place->store;
	enum authority_trust trust;

	if (!path) {
		snprintf(found, size, "%s is not set here", place->variable);
		return AUTHORITY_UNKNOWN;
	}
	trust = check_file(path, pem, length);
	snprintf(found, size, "%s%s%s", path, path == named ? " by " : "",
		 path == named ? place->variable : "");
	return trust;
}

/* Whether the authority itself stands in the way: there is none, it is over, or for other names. */
static bool is_unfit(const char *pem, size_t length, const char *name, char *text, size_t size)
{
	struct gate_certificate_facts facts;
	bool unfit = true;

	if (gate_certificate_read(pem, length, &facts, NULL) < 0) {
		snprintf(text, size, "the authority's certificate cannot be read");
		return true;
	}
	if (facts.until <= clock_realtime_ns() / NS_PER_S)
		snprintf(text, size, "the authority has expired: run 'faultctl ca init' again");
	else if (name && gate_certificate_permits(pem, length, name) != 1)
		snprintf(text, size, "the authority is for other names (%s): clients refuse %s",
			 facts.names, name);
	else
		unfit = false;
	gate_certificate_facts_free(&facts);
	return unfit;
}

bool authority_foresee(const char *directory, const char *name, char *text, size_t size)
{
	_cleanup_free_ char *pem = NULL;
	size_t length, trusting = 0, asked = 0;

	if (authority_read(directory, &pem, &length) < 0) {
		snprintf(text, size, "there is no authority in %s: run 'faultctl ca init'",
			 directory);
		return false;
	}
	if (is_unfit(pem, length, name, text, size))
		return false;
	for (size_t i = 0; i < authority_places_count; i++) {
		char found[256];
		enum authority_trust trust =
			authority_check(&authority_places[i], pem, length, found, sizeof(found));

		asked += trust == AUTHORITY_TRUSTED || trust == AUTHORITY_DISTRUSTED;
		trusting += trust == AUTHORITY_TRUSTED;
	}
	snprintf(text, size,
		 "trusted by %zu of %zu kinds of clients ('faultctl ca trust'); others "
		 "see an unknown issuer",
		 trusting, asked);
	return check_file(SYSTEM_STORE, pem, length) == AUTHORITY_TRUSTED;
}
