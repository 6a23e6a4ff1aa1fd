// SPDX-License-Identifier: GPL-2.0
/*
 * Another VMM on the same host, which minds its own business: a process with a device of each
 * kind, which it exchanges frames with when it is asked to.
 *
 * Callers: hostile-test.c, sight.c.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "neighbour.h"
#include "rig.h"
#include "worker.h"

enum {
	FRAMES = 8,		/* each way */
	BATCHES = 15,		/* to see what a frame costs */
	BATCH = 200,
	RX_LEN = 2048,
};

/* To a neighbour, and back, with what a batch of frames cost its workers, if that is asked. */
struct question {
	uint32_t number;
	bool cost;
	uint64_t nanoseconds;
};

/* Ours of each process's socket. */
static int asked[2] = { -1, -1 };
static pid_t neighbours[2];

static void exchange(struct rig *rig, uint64_t buffers)
{
	struct vhc_queue *tx = &rig->port.queue[VHC_TX];
	struct vhc_used used;
	unsigned int i;

	for (i = 0; i < FRAMES; i++)
		rig_add_tx(rig, i);
	vhc_queue_publish(tx);
	for (i = 0; i < FRAMES; i++) {
		rig_expect_tx(rig, i);
		rig_post_rx(rig, buffers + i * RX_LEN, RX_LEN);
		rig_send_rx(rig, i, 100);
		rig_expect_rx(rig, i);
	}
	assert_true(vhc_queue_wait(tx, FRAMES, RIG_PATIENCE_MS));
	while (vhc_driver_take_used(&tx->driver, &used) > 0)
		;
}

/* Many at a time: a worker that is woken for each costs what the scheduler does. */
static void send_batch(struct rig *rig)
{
	struct vhc_queue *tx = &rig->port.queue[VHC_TX];
	struct vhc_used used;
	unsigned int i;

	for (i = 0; i < BATCH; i++)
		rig_add_tx(rig, i);
	vhc_queue_publish(tx);
	for (i = 0; i < BATCH; i++)
		rig_expect_tx(rig, i);
	assert_true(vhc_queue_wait(tx, BATCH, RIG_PATIENCE_MS));
	while (vhc_driver_take_used(&tx->driver, &used) > 0)
		;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *first = a, *second = b;

	return *first < *second ? -1 : *first > *second;
}

/* The median of some: now and then one is interrupted. */
static uint64_t batch_cost(struct rig *rig)
{
	struct vhc_workers before, after;
	uint64_t cost[BATCHES];
	unsigned int i;

	/* What a worker that is still awake does would count for the next one. */
	assert_true(vhc_workers_settle(&before, RIG_PATIENCE_MS));
	for (i = 0; i < BATCHES; i++, before = after) {
		send_batch(rig);
		assert_true(vhc_workers_settle(&after, RIG_PATIENCE_MS));
		cost[i] = after.nanoseconds - before.nanoseconds;
	}
	qsort(cost, BATCHES, sizeof(*cost), compare);
	return cost[BATCHES / 2];
}

static void leave(const char *message)
{
	fprintf(stderr, "# the neighbour: %s\n", message);
	_exit(EXIT_FAILURE);
}

static void serve(const struct variant *variant, int sock)
{
	const struct vhc_port_config config = { .mem_size = 4 << 20 };
	struct question question;
	uint64_t buffers;
	struct rig rig;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	vhc_on_failure(leave);
	/* Not before it is asked: a list of all tests needs no device. */
	if (recv(sock, &question, sizeof(question), MSG_PEEK) <= 0)
		_exit(EXIT_SUCCESS);
	rig_open(&rig, variant, &config);
	buffers = vhc_mem_alloc(&rig.port.mem, FRAMES * RX_LEN, 64);
	rig_start(&rig);
	while (read(sock, &question, sizeof(question)) == sizeof(question)) {
		if (question.cost)
			question.nanoseconds = batch_cost(&rig);
		else
			exchange(&rig, buffers);
		if (write(sock, &question, sizeof(question)) != sizeof(question))
			break;
	}
	_exit(EXIT_SUCCESS);
}

/**
 * neighbour_start() - have one of each device
 */
void neighbour_start(void)
{
	const struct variant variants[] = {
		{ .device = "/dev/vhost-net", .features = VHC_F_VERSION_1 },
		{ .device = "/dev/vhost-custom", .features = VHC_F_VERSION_1, .custom = 1 },
	};
	unsigned int i;
	int pair[2];

	for (i = 0; i < 2; i++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
			vhc_fail("socketpair: %s", strerror(errno));
		fflush(NULL);
		neighbours[i] = fork();
		if (neighbours[i] < 0)
			vhc_fail("fork: %s", strerror(errno));
		if (!neighbours[i]) {
			/* Theirs end with who asks, and with them we do. */
			close(pair[0]);
			close(asked[0]);
			serve(&variants[i], pair[1]);
		}
		close(pair[1]);
		asked[i] = pair[0];
	}
}

/**
 * neighbour_end() - have none any more
 *
 * Their devices are closed when it returns: who unloads the modules next finds them unused.
 */
void neighbour_end(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		close(asked[i]);
		kill(neighbours[i], SIGKILL);
		waitpid(neighbours[i], NULL, 0);
	}
}

static bool ask(bool custom, struct question *question)
{
	struct pollfd fd = { .fd = asked[custom], .events = POLLIN };
	const uint32_t number = getpid();

	question->number = number;
	if (write(fd.fd, question, sizeof(*question)) != sizeof(*question))
		return false;
	/* Who asked before may have been killed before its answer came. */
	do {
		if (poll(&fd, 1, 2 * RIG_PATIENCE_MS) != 1 ||
		    read(fd.fd, question, sizeof(*question)) != sizeof(*question))
			return false;
	} while (question->number != number);
	return true;
}

/**
 * neighbour_works() - do frames still go both ways through another process's device?
 * @custom: /dev/vhost-custom.
 *
 * Return: true if they do.
 */
bool neighbour_works(bool custom)
{
	struct question question = { .cost = false };

	return ask(custom, &question);
}

/**
 * neighbour_cost() - what do some frames cost that another process's device sends?
 * @custom: /dev/vhost-custom.
 *
 * Return: nanoseconds that its workers were on a CPU for one batch, the median of some; 0 if it is
 * stuck.
 */
uint64_t neighbour_cost(bool custom)
{
	struct question question = { .cost = true };

	return ask(custom, &question) ? question.nanoseconds : 0;
}
