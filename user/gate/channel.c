/* SPDX-License-Identifier: Apache-2.0 */
#include "user/gate/channel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "user/base/cleanup.h"
#include "user/gate/authority_parts.h"

/* As ALPN lists them (RFC 7301); h2 first. */
static const unsigned char offers[] = "\x02h2\x08http/1.1";
#define OFFERS_LENGTH (sizeof(offers) - 1)
#define H2_LENGTH     3U

static int show_certificate(SSL *ssl, void *context)
{
	struct channel *channel = SSL_get_app_data(ssl);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	X509 *leaf;

	(void)context;
	if (!name)
		name = channel->default_name;
	if (!name || leaf_find(channel->authority, name, channel->kind, &leaf) < 0)
		return 0;
	return SSL_use_certificate(ssl, leaf) == 1 &&
	       SSL_use_PrivateKey(ssl, channel->authority->leaf_key) == 1 &&
	       (channel->kind == GATE_CERTIFICATE_UNTRUSTED ||
		SSL_add1_chain_cert(ssl, channel->authority->certificate) == 1);
}

static int choose_protocol(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_length,
			   const unsigned char *list, unsigned int length, void *context)
{
	unsigned char *name;

	(void)ssl;
	(void)context;
	if (SSL_select_next_proto(&name, ret_length, offers, OFFERS_LENGTH, list, length) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret_name = name;
	return SSL_TLSEXT_ERR_OK;
}

/* SNI is acknowledged whatever it is: the certificate says the rest. Called for sessions that are
 * taken up again too, for which no certificate is asked. */
static int take_name(SSL *ssl, int *alert, void *context)
{
	struct channel *channel = SSL_get_app_data(ssl);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	(void)context;
	if (channel->choose)
		channel->kind = channel->choose(channel->context, name ? name : "");
	return SSL_TLSEXT_ERR_OK;
}

static int note_certificate_request(SSL *ssl, X509 **ret_certificate, EVP_PKEY **ret_key)
{
	struct channel *channel = SSL_get_app_data(ssl);

	(void)ret_certificate;
	(void)ret_key;
	channel->asked = true;
	return 0;
}

static void set_common(SSL_CTX *context)
{
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
}

SSL_CTX *tls_server_context(bool resume)
{
	static const unsigned char label[] = "faultd";
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (!context)
		return NULL;
	set_common(context);
	SSL_CTX_set_cert_cb(context, show_certificate, NULL);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	SSL_CTX_set_tlsext_servername_callback(context, take_name);
	/* Tickets hold the sessions: nothing is kept here. */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(context, label, sizeof(label) - 1);
	if (!resume) {
		SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
		SSL_CTX_set_num_tickets(context, 0);
	}
	return context;
}

SSL_CTX *tls_client_context(X509_STORE *store)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (!context)
		return NULL;
	set_common(context);
	SSL_CTX_set1_cert_store(context, store);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_client_cert_cb(context, note_certificate_request);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	return context;
}

static void begin(struct channel *channel)
{
	channel->in.limit = CHANNEL_IN;
	channel->out.limit = CHANNEL_OUT;
	channel->state = CHANNEL_OPEN;
	channel->protocol = CHANNEL_HTTP1;
}

static int begin_tls(struct channel *channel, SSL_CTX *context)
{
	BIO *inner;

	channel->ssl = SSL_new(context);
	if (!channel->ssl ||
	    BIO_new_bio_pair(&inner, CHANNEL_WIRE, &channel->wire, CHANNEL_WIRE) != 1)
		return -ENOMEM;
	SSL_set_bio(channel->ssl, inner, inner);
	SSL_set_app_data(channel->ssl, channel);
	channel->state = CHANNEL_HANDSHAKE;
	return 0;
}

int channel_accept(struct channel *channel, struct gate_authority *authority, bool resume,
		   struct failure *failure)
{
	begin(channel);
	channel->authority = authority;
	if (!authority)
		return 0;
	if (begin_tls(channel, resume ? authority->server : authority->fresh) < 0) {
		channel_close(channel);
		return fail_tls(failure, -ENOMEM, "no TLS session for the client");
	}
	SSL_set_accept_state(channel->ssl);
	return 0;
}

int channel_connect(struct channel *channel, struct gate_trust *trust, const char *name, bool http2,
		    struct failure *failure)
{
	const unsigned char *offered = http2 ? offers : offers + H2_LENGTH;

	begin(channel);
	if (!trust)
		return 0;
	if (begin_tls(channel, trust->client) < 0 ||
	    SSL_set_tlsext_host_name(channel->ssl, name) != 1 ||
	    SSL_set1_host(channel->ssl, name) != 1 ||
	    SSL_set_alpn_protos(channel->ssl, offered,
				(unsigned int)(OFFERS_LENGTH - (size_t)(offered - offers))) != 0) {
		channel_close(channel);
		return fail_tls(failure, -EIO, "no TLS session for the real server");
	}
	SSL_set_connect_state(channel->ssl);
	return 0;
}

void channel_close(struct channel *channel)
{
	channel_choose choose = channel->choose;
	void *context = channel->context;
	const char *name = channel->default_name;

	SSL_free(channel->ssl);
	BIO_free(channel->wire);
	buffer_free(&channel->in);
	buffer_free(&channel->out);
	*channel = (struct channel){.choose = choose, .context = context, .default_name = name};
}

size_t channel_room(const struct channel *channel)
{
	if (channel->state == CHANNEL_CLOSED || channel->wire_ended)
		return 0;
	return channel->ssl ? BIO_ctrl_get_write_guarantee(channel->wire)
			    : buffer_room(&channel->in);
}

size_t channel_feed(struct channel *channel, const void *bytes, size_t length)
{
	size_t room = channel_room(channel);
	int taken;

	if (length > room)
		length = room;
	if (length == 0)
		return 0;
	if (!channel->ssl)
		return buffer_append(&channel->in, bytes, length) < 0 ? 0 : length;
	taken = BIO_write(channel->wire, bytes, (int)length);
	return taken > 0 ? (size_t)taken : 0;
}

size_t channel_take(struct channel *channel, void *bytes, size_t size)
{
	int taken;

	if (channel->state == CHANNEL_CLOSED)
		return 0;
	if (!channel->ssl)
		return buffer_take(&channel->out, bytes, size);
	if (size > INT32_MAX)
		size = INT32_MAX;
	taken = BIO_read(channel->wire, bytes, (int)size);
	return taken > 0 ? (size_t)taken : 0;
}

bool channel_has_output(const struct channel *channel)
{
	if (channel->state == CHANNEL_CLOSED)
		return false;
	return channel->out.length > 0 || (channel->ssl && BIO_ctrl_pending(channel->wire) > 0);
}

void channel_wire_ended(struct channel *channel)
{
	if (channel->state == CHANNEL_CLOSED || channel->wire_ended)
		return;
	channel->wire_ended = true;
	if (channel->ssl)
		BIO_shutdown_wr(channel->wire);
}

/* Alerts by which a client says that it does not take our certificate (RFC 8446, 6.2). */
static bool is_distrust(unsigned long code)
{
	static const int reasons[] = {
		SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,     SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
		SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
		SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, SSL_R_TLSV1_ALERT_UNKNOWN_CA,
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (ERR_GET_REASON(code) == reasons[i])
			return true;
	return false;
}

static void note_failure(struct channel *channel)
{
	unsigned long code = ERR_peek_last_error();
	const char *words = code ? ERR_reason_error_string(code) : NULL;
	long verified = SSL_get_verify_result(channel->ssl);

	channel->state = CHANNEL_FAILED;
	channel->problem = CHANNEL_PROBLEM_OTHER;
	if (channel->asked) {
		channel->problem = CHANNEL_PROBLEM_ASKED;
		words = "it asks for a client certificate, which is not supported where TLS is "
			"terminated: only the client has its key";
	} else if (is_distrust(code)) {
		channel->problem = CHANNEL_PROBLEM_DISTRUSTED;
	} else if (!SSL_is_server(channel->ssl) && verified != X509_V_OK) {
		channel->problem = CHANNEL_PROBLEM_UNTRUSTED;
		words = X509_verify_cert_error_string(verified);
	}
	snprintf(channel->problem_text, sizeof(channel->problem_text), "%s",
		 words ? words : "the connection ended");
	ERR_clear_error();
}

/* What a TLS call came to: whether it may simply be called again later. */
static bool is_pending(struct channel *channel, int result)
{
	int error = SSL_get_error(channel->ssl, result);

	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void note_open(struct channel *channel)
{
	const unsigned char *name;
	unsigned int length;

	SSL_get0_alpn_selected(channel->ssl, &name, &length);
	channel->protocol =
		length == 2 && memcmp(name, "h2", 2) == 0 ? CHANNEL_HTTP2 : CHANNEL_HTTP1;
	channel->resumed = SSL_session_reused(channel->ssl) == 1;
	channel->state = CHANNEL_OPEN;
}

static bool shake_hands(struct channel *channel)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(channel->ssl);
	if (result == 1)
		note_open(channel);
	else if (!is_pending(channel, result))
		note_failure(channel);
	/* Whoever was asked gives no wrong impression of who it is. */
	if (channel->asked && channel->state != CHANNEL_FAILED)
		note_failure(channel);
	return channel->state != CHANNEL_HANDSHAKE;
}

/* Whether a failed read means that nothing more comes. Many end the connection without saying so in
 * TLS; where a body ends is known otherwise. */
static bool is_end(struct channel *channel, int result)
{
	unsigned long code = ERR_peek_last_error();

	return SSL_get_error(channel->ssl, result) == SSL_ERROR_ZERO_RETURN ||
	       (channel->wire_ended &&
		(!code || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING));
}

/* From TLS to the inside. */
static bool pump_in(struct channel *channel)
{
	bool moved = false;

	while (!channel->in_ended && channel->state == CHANNEL_OPEN) {
		size_t room = buffer_room(&channel->in);
		uint8_t *bytes;
		int got;

		if (room > 16384)
			room = 16384; /* one record */
		if (room == 0 || buffer_reserve(&channel->in, room, &bytes) < 0)
			break;
		ERR_clear_error();
		got = SSL_read(channel->ssl, bytes, (int)room);
		if (got > 0) {
			buffer_commit(&channel->in, (size_t)got);
		} else if (is_pending(channel, got)) {
			break;
		} else {
			channel->in_ended = true;
			if (!is_end(channel, got))
				note_failure(channel);
		}
		if (channel->asked && channel->state == CHANNEL_OPEN)
			note_failure(channel);
		moved = true;
	}
	return moved;
}

static bool pump_out(struct channel *channel)
{
	bool moved = false;

	while (channel->out.length > 0 && channel->state == CHANNEL_OPEN) {
		size_t length = channel->out.length;
		int sent;

		ERR_clear_error();
		sent = SSL_write(channel->ssl, buffer_front(&channel->out), (int)length);
		if (sent <= 0) {
			if (!is_pending(channel, sent))
				note_failure(channel);
			break;
		}
		buffer_drop(&channel->out, (size_t)sent);
		moved = true;
	}
	return moved;
}

bool channel_pump(struct channel *channel)
{
	bool moved = false;

	if (channel->state == CHANNEL_CLOSED)
		return false;
	if (!channel->ssl) {
		moved = channel->wire_ended && !channel->in_ended;
		channel->in_ended = channel->wire_ended;
		channel->ended = channel->ending && channel->out.length == 0;
		return moved;
	}
	if (channel->state == CHANNEL_HANDSHAKE)
		moved = shake_hands(channel);
	moved = pump_out(channel) || moved;
	moved = pump_in(channel) || moved;
	if (channel->ending && !channel->ended && channel->state == CHANNEL_OPEN &&
	    channel->out.length == 0) {
		ERR_clear_error();
		SSL_shutdown(channel->ssl);
		ERR_clear_error();
		channel->ended = true;
		moved = true;
	}
	if (channel->state == CHANNEL_FAILED)
		channel->ended = true;
	return moved;
}

void channel_end(struct channel *channel)
{
	channel->ending = true;
}
