/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/conversation.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/verb.h"

enum { CALL_TIMEOUT_S = 10 };

static void on_reply(void *data, const struct client_reply *reply)
{
	struct conversation *conversation = data;

	conversation->exit_code = 0;
	if (reply->outcome == CLIENT_OK) {
		conversation->body = json_incref((json_t *)reply->body);
	} else {
		verb_complain("%s", reply->text);
		conversation->exit_code = client_exit_code(reply);
	}
	loop_stop(conversation->loop);
}

int conversation_begin(struct conversation *conversation, const char *socket_path)
{
	*conversation = (struct conversation){.signals = -1};
	if (loop_new(&conversation->loop) < 0 ||
	    http_new(conversation->loop, &conversation->http) < 0 ||
	    client_new(conversation->http, socket_path, &conversation->client) < 0) {
		verb_complain("out of memory");
		return EXIT_BROKEN;
	}
	return 0;
}

void conversation_end(struct conversation *conversation)
{
	json_decref(conversation->body);
	cleanup_close(&conversation->signals);
	client_free(conversation->client);
	http_free(conversation->http);
	loop_free(conversation->loop);
}

int conversation_ask(struct conversation *conversation, const char *method, const char *path,
		     json_t *body)
{
	json_decref(conversation->body);
	conversation->body = NULL;
	conversation->exit_code = EXIT_BROKEN;
	if (client_call(conversation->client, method, path, body, CALL_TIMEOUT_S * NS_PER_S,
			on_reply, conversation) < 0 ||
	    loop_run(conversation->loop) < 0)
		verb_complain("the call could not be made");
	return conversation->exit_code;
}

static void on_signal(void *data, uint32_t events)
{
	struct conversation *conversation = data;
	struct signalfd_siginfo info;

	(void)events;
	if (read(conversation->signals, &info, sizeof(info)) != sizeof(info))
		return;
	conversation->interrupted = true;
	loop_stop(conversation->loop);
}

int conversation_take_signals(struct conversation *conversation)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	conversation->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (conversation->signals < 0 || loop_watch(conversation->loop, conversation->signals,
						    EPOLLIN, on_signal, conversation) < 0) {
		verb_complain("cannot watch for signals: %s", strerror(errno));
		return EXIT_BROKEN;
	}
	return 0;
}

static void on_time(void *data, uint64_t now)
{
	struct conversation *conversation = data;

	(void)now;
	loop_stop(conversation->loop);
}

int conversation_wait(struct conversation *conversation, uint64_t at)
{
	conversation->timer = (struct timer){.alarm = on_time, .data = conversation};
	if (loop_timer_set(conversation->loop, &conversation->timer, at) < 0 ||
	    loop_run(conversation->loop) < 0) {
		verb_complain("the event loop broke");
		return EXIT_BROKEN;
	}
	loop_timer_cancel(conversation->loop, &conversation->timer);
	return 0;
}
