/* SPDX-License-Identifier: Apache-2.0 */
/* The gate's socket: frames of the kernel in, frames for the kernel out. */
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "user/base/cleanup.h"
#include "user/daemon/gate_state.h"

/* Turns in which the socket may be read before other things are seen to. */
enum { READS_MAX = 32 };

/* The kernel took nothing of what was written for a connection. */
static void refuse(struct gate *gate, struct gate_connection *connection)
{
	if (!connection || connection->over)
		return;
	if (connection->rules)
		gate_end_refused(gate, connection);
	else
		gate_delay_refused(gate, connection);
}

/* A header is whole: whose bytes follow. 0 or -EPROTO. */
static int begin_frame(struct gate *gate, uint64_t now)
{
	struct gate_input *input = &gate->input;
	const struct fault_frame *frame = &input->frame;
	bool first = frame->operation == FAULT_FRAME_OPEN || frame->operation == FAULT_FRAME_DELAY;

	input->left = frame->length;
	input->delayed = NULL;
	input->target = NULL;
	if (frame->operation == FAULT_FRAME_REFUSED && !frame->length) {
		input->header = 0;
		refuse(gate, gate_find(gate, frame->cookie));
		return 0;
	}
	if ((!first && frame->operation != FAULT_FRAME_DATA) || !frame->length ||
	    (frame->operation == FAULT_FRAME_OPEN && !frame->rules))
		return -EPROTO;
	/* Out of memory, the bytes are nobody's: the client's own patience ends it. */
	input->target = first ? gate_add(gate, frame->cookie) : gate_find(gate, frame->cookie);
	if (!input->target)
		return 0;
	/* What is ended here already is not begun again. */
	if (frame->operation == FAULT_FRAME_OPEN && !input->target->rules)
		gate_end_begin(gate, input->target, frame, now);
	else if (frame->operation == FAULT_FRAME_DELAY)
		input->delayed = gate_delay_begin(gate, input->target, frame);
	return 0;
}

/* Bytes behind the header. */
static void take_bytes(struct gate *gate, const unsigned char *bytes, size_t length)
{
	struct gate_input *input = &gate->input;

	if (input->delayed) {
		memcpy(input->delayed->bytes + input->delayed->filled, bytes, length);
		input->delayed->filled += (uint32_t)length;
	} else if (input->target && input->frame.operation != FAULT_FRAME_DELAY) {
		gate_end_feed(gate, input->target, bytes, length);
	}
}

/* The frame's last byte is there. */
static void end_frame(struct gate *gate, uint64_t now)
{
	struct gate_input *input = &gate->input;
	struct gate_connection *target = input->target;

	input->header = 0;
	input->target = NULL;
	input->delayed = NULL;
	if (!target)
		return;
	if (input->frame.operation == FAULT_FRAME_DELAY)
		gate_delay_run(gate, target, now);
	else if (target->session)
		/* Once the socket is read, which must not run full while one client's bytes are
		 * worked on. */
		gate_schedule(gate, target, now);
}

static int parse(struct gate *gate, const unsigned char *bytes, size_t length, uint64_t now)
{
	struct gate_input *input = &gate->input;
	int r = 0;

	while (length && !r) {
		size_t part = sizeof(input->frame) - input->header;

		if (part) {
			part = part < length ? part : length;
			memcpy((char *)&input->frame + input->header, bytes, part);
			input->header += part;
			if (input->header == sizeof(input->frame))
				r = begin_frame(gate, now);
		} else {
			part = input->left < length ? input->left : length;
			take_bytes(gate, bytes, part);
			input->left -= (uint32_t)part;
			if (!input->left)
				end_frame(gate, now);
		}
		bytes += part;
		length -= part;
	}
	return r;
}

int gate_read_frames(struct gate *gate, uint64_t now)
{
	static unsigned char buffer[GATE_READ_SIZE];
	int r = 0;

	for (int i = 0; !r && i < READS_MAX && gate->held <= GATE_HELD_MAX; i++) {
		ssize_t size = recv(gate->frames, buffer, sizeof(buffer), MSG_DONTWAIT);

		if (size < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (!size)
			return -EPIPE;
		gate->beat->taken += (uint64_t)size;
		gate->beat->at = clock_boottime_ns();
		r = parse(gate, buffer, (size_t)size, now);
	}
	return r;
}

ssize_t gate_write_frame(struct gate *gate, uint64_t cookie, unsigned int operation, uint64_t at,
			 const void *bytes, size_t length)
{
	struct fault_frame frame = {
		.cookie = cookie,
		.at = at,
		.length = (__u32)length,
		.operation = (__u8)operation,
	};
	struct iovec parts[2] = {{&frame, sizeof(frame)}, {(void *)bytes, length}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = length ? 2 : 1};
	ssize_t size = sendmsg(gate->frames, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (size < 0)
		return -errno;
	return size > (ssize_t)sizeof(frame) ? size - (ssize_t)sizeof(frame) : 0;
}
