// SPDX-License-Identifier: GPL-2.0
/*
 * A driver and a device on two threads, who sleep only as the ring permits. A wake-up
 * that is lost leaves both asleep; the watchdog in bell_wait() then ends the test.
 *
 * CHAINS= sets how many chains go through the smallest ring, SEED= the timing's seed.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"

enum {
	SPIN = 2000,		/* looks at a bell before sleeping: races need short naps */
	WATCHDOG = 20,		/* seconds */
	FRAME = 8,		/* most chains that the device wants at once */
};

/* A kick or a call: an event counter, like an eventfd. */
struct bell {
	u32 rung;
	u32 heard;
	u32 asleep;
};

/* One per chain in flight, by id. */
struct payload {
	u64 from_driver;
	u64 from_device;
};

struct exchange {
	struct rig *rig;
	struct bell kick, call;
	struct payload *payload;
	u64 *sent_as;		/* sequence number by id; the driver's */
	u64 total;
	u64 seed;
	const char *failure;
};

static void fail_with(struct exchange *x, const char *what)
{
	const char *none = NULL;

	__atomic_compare_exchange_n(&x->failure, &none, what, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
}

static bool failed(struct exchange *x)
{
	return __atomic_load_n(&x->failure, __ATOMIC_RELAXED);
}

static void bell_ring(struct bell *bell)
{
	__atomic_add_fetch(&bell->rung, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&bell->asleep, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &bell->rung, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static bool bell_heard(struct bell *bell)
{
	u32 rung = __atomic_load_n(&bell->rung, __ATOMIC_SEQ_CST);
	bool heard = rung != bell->heard;

	bell->heard = rung;
	return heard;
}

static void bell_wait(struct exchange *x, struct bell *bell, const char *lost)
{
	struct timespec limit = { .tv_sec = WATCHDOG };
	unsigned int i;

	for (i = 0; i < SPIN; i++) {
		if (bell_heard(bell))
			return;
	}
	__atomic_store_n(&bell->asleep, 1, __ATOMIC_SEQ_CST);
	while (!bell_heard(bell) && !failed(x)) {
		if (syscall(SYS_futex, &bell->rung, FUTEX_WAIT_PRIVATE, bell->heard, &limit,
			    NULL, 0) && errno == ETIMEDOUT)
			fail_with(x, lost);
	}
	__atomic_store_n(&bell->asleep, 0, __ATOMIC_SEQ_CST);
}

/* Let the sides meet in ever different ways. */
static void dawdle(u64 *seed)
{
	unsigned int i = rnd(seed) % 64;

	while (i--)
		__asm__ volatile("" ::: "memory");
}

/* With IN_ORDER most chains are read-only: they come back in batches. */
static bool has_answer(const struct exchange *x, u64 sequence)
{
	return !x->rig->drv.in_order || sequence % 4 == 3;
}

static bool send_one(struct exchange *x, u64 sequence)
{
	struct driver *d = &x->rig->drv;
	u16 id = d->free_head;
	u64 at = GPA_A + id * sizeof(struct payload);
	struct driver_buf buf[2] = {
		{ .addr = at, .len = 8 },
		{ .addr = at + 8, .len = 8, .flags = VRING_DESC_F_WRITE },
	};

	if (d->free_num < 2)
		return false;
	x->payload[id].from_driver = sequence;
	x->sent_as[id] = sequence;
	driver_add(d, buf, has_answer(x, sequence) ? 2 : 1, NULL, 0);
	return true;
}

static u64 send_some(struct exchange *x, u64 sequence, u64 *seed)
{
	u64 before = sequence, end = sequence + 1 + rnd(seed) % 16;

	while (sequence < end && sequence < x->total && send_one(x, sequence))
		sequence++;
	if (sequence == before)
		return sequence;
	driver_expose(&x->rig->drv);
	if (driver_must_kick(&x->rig->drv))
		bell_ring(&x->kick);
	return sequence;
}

static u64 reap_all(struct exchange *x)
{
	u64 count = 0;
	u32 id, len;

	while (driver_get_used(&x->rig->drv, &id, &len)) {
		if (has_answer(x, x->sent_as[id]) ?
		    x->payload[id].from_device != ~x->sent_as[id] || len != 8 :
		    len && len != DRIVER_LEN_UNKNOWN)
			fail_with(x, "the driver got back what it had not sent");
		count++;
	}
	return count;
}

static void *driver_side(void *arg)
{
	struct exchange *x = arg;
	struct driver *d = &x->rig->drv;
	u64 seed = x->seed + 1, sent = 0, reaped = 0;

	driver_disable_signals(d);
	while (reaped < x->total && !failed(x)) {
		u64 before = sent + reaped;

		sent = send_some(x, sent, &seed);
		dawdle(&seed);
		reaped += reap_all(x);
		if (sent + reaped != before || reaped == x->total)
			continue;
		dawdle(&seed);
		if (!driver_enable_signals(d))
			bell_wait(x, &x->call, "lost wake-up, seen by the driver");
		driver_disable_signals(d);
	}
	bell_ring(&x->kick);
	return NULL;
}

/* Take the chain with number @sequence and fill it. */
static bool receive_one(struct exchange *x, u64 sequence)
{
	struct vhc_chain chain;
	struct iovec iov[4];
	int ret = vhc_ring_take(&x->rig->ring, &chain, iov, 4);

	if (!ret)
		return false;
	if (ret < 0 || chain.out_num != 1 || chain.in_num != has_answer(x, sequence) ||
	    *(u64 *)iov[0].iov_base != sequence) {
		fail_with(x, "the device took what is not next");
		return false;
	}
	if (chain.in_num)
		*(u64 *)iov[1].iov_base = ~sequence;
	vhc_ring_fill(&x->rig->ring, &chain, chain.in_num * 8);
	return true;
}

/* Like RX: a frame needs some chains, and with fewer there is nothing to do. */
static unsigned int receive_frame(struct exchange *x, u64 sequence, u64 *seed)
{
	struct vhc_ring *ring = &x->rig->ring;
	unsigned int most = ring->num / 4 + 1 < FRAME ? ring->num / 4 + 1 : FRAME;
	unsigned int want = 1 + rnd(seed) % most, have = 0;

	if (ring->num < 4)
		want = 1;
	if (want > x->total - sequence)
		want = x->total - sequence;
	vhc_ring_mark(ring);
	for (; have < want; have++) {
		if (!receive_one(x, sequence + have)) {
			vhc_ring_rewind(ring);
			return 0;
		}
	}
	if (vhc_ring_publish(ring) != want)
		fail_with(x, "the device could not publish");
	if (vhc_ring_need_signal(ring))
		bell_ring(&x->call);
	return want;
}

static void *device_side(void *arg)
{
	struct exchange *x = arg;
	struct vhc_ring *ring = &x->rig->ring;
	u64 seed = x->seed + 2, received = 0;

	while (received < x->total && !failed(x)) {
		unsigned int count;

		vhc_ring_forget_memory(ring);
		do {
			vhc_ring_disable_notify(ring);
			do {
				count = receive_frame(x, received, &seed);
				received += count;
				dawdle(&seed);
			} while (count && received < x->total);
		} while (received < x->total && !failed(x) && vhc_ring_enable_notify(ring));
		if (received < x->total)
			bell_wait(x, &x->kick, "lost wake-up, seen by the device");
	}
	bell_ring(&x->call);
	return NULL;
}

static void exchange(unsigned int num, unsigned int features, unsigned int times)
{
	struct exchange x = {
		.rig = rig_new(num, features, 65000),
		.payload = calloc(num, sizeof(*x.payload)),
		.sent_as = calloc(num, sizeof(*x.sent_as)),
		.total = env_u64("CHAINS", 120000) * times,
		.seed = env_u64("SEED", 1),
	};
	pthread_t thread[2];

	x.rig->window[0].offset = (u64)x.payload - GPA_A;
	assert_int_equal(pthread_create(&thread[0], NULL, driver_side, &x), 0);
	assert_int_equal(pthread_create(&thread[1], NULL, device_side, &x), 0);
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	if (x.failure)
		print_message("# ring of %u, features %u: %s\n", num, features, x.failure);
	assert_null(x.failure);
	assert_int_equal(x.rig->ring.used_idx, x.rig->drv.used_idx);
	assert_int_equal(vhc_ring_next_avail(&x.rig->ring), x.rig->drv.avail_idx);
	free(x.payload);
	free(x.sent_as);
	rig_free(x.rig);
}

static unsigned int odd(void)
{
	return rig_num_ok(3);
}

static void threads_of_one_chain_at_a_time_lose_no_wakeup(void **state)
{
	(void)state;
	exchange(2, 0, 1);
	exchange(2, EVENT_IDX, 1);
}

static void threads_of_few_chains_lose_no_wakeup(void **state)
{
	(void)state;
	exchange(8 - odd(), 0, 1);
	exchange(8 - odd(), EVENT_IDX, 1);
	exchange(8 - odd(), EVENT_IDX | IN_ORDER, 1);
}

static void threads_of_many_chains_lose_no_wakeup(void **state)
{
	(void)state;
	exchange(256 - odd(), 0, 4);
	exchange(256 - odd(), EVENT_IDX, 4);
	exchange(256 - odd(), EVENT_IDX | IN_ORDER, 4);
}

/*
 * The moment at which both sides may go to sleep, again and again: one tells its wish and
 * looks, the other one shows its work and reads the wish. At least one must notice.
 */
struct moment {
	struct rig *rig;
	u32 at[2];		/* steps that the driver, the device has reached */
	u64 rounds;
	int driver_noticed, device_noticed;
	u64 lost;
};

/* Both sides have done step @step. */
static void meet(struct moment *m, int side, u32 step)
{
	unsigned int spins = 0;

	__atomic_store_n(&m->at[side], step, __ATOMIC_RELEASE);
	while ((int)(__atomic_load_n(&m->at[!side], __ATOMIC_ACQUIRE) - step) < 0) {
		if (!(++spins % 1000))
			sched_yield();
	}
}

/* Stores that miss the cache: those behind them wait, and loads overtake them. */
static void fill_store_buffer(u64 *seed)
{
	static u8 far[1 << 24];
	unsigned int i;

	for (i = 0; i < 24; i++)
		__atomic_store_n(&far[rnd(seed) % sizeof(far)], i, __ATOMIC_RELAXED);
}

static void *driver_tells_of_chains(void *arg)
{
	struct moment *m = arg;
	struct driver *d = &m->rig->drv;
	u64 seed = 1, i;
	u32 step = 0;

	for (i = 0; i < m->rounds; i++) {
		driver_offer(d, 0);
		meet(m, 0, ++step);
		dawdle(&seed);
		driver_expose(d);
		m->driver_noticed = driver_must_kick(d);
		meet(m, 0, ++step);
		meet(m, 0, ++step);
	}
	return NULL;
}

static void *device_asks_for_kicks(void *arg)
{
	struct moment *m = arg;
	struct vhc_ring *ring = &m->rig->ring;
	struct vhc_chain chain;
	struct iovec iov[2];
	u64 seed = 2, i;
	u32 step = 0;

	for (i = 0; i < m->rounds; i++) {
		vhc_ring_disable_notify(ring);
		meet(m, 1, ++step);
		dawdle(&seed);
		fill_store_buffer(&seed);
		m->device_noticed = vhc_ring_enable_notify(ring);
		meet(m, 1, ++step);
		m->lost += !m->driver_noticed && !m->device_noticed;
		if (vhc_ring_take(ring, &chain, iov, 2) != 1)
			m->lost++;
		vhc_ring_fill(ring, &chain, 0);
		vhc_ring_publish(ring);
		meet(m, 1, ++step);
	}
	return NULL;
}

static void *driver_asks_for_signals(void *arg)
{
	struct moment *m = arg;
	struct driver *d = &m->rig->drv;
	u64 seed = 1, i;
	u32 step = 0;

	for (i = 0; i < m->rounds; i++) {
		driver_disable_signals(d);
		meet(m, 0, ++step);
		dawdle(&seed);
		fill_store_buffer(&seed);
		m->driver_noticed = driver_enable_signals(d);
		meet(m, 0, ++step);
		d->used_idx = driver_advance(d, d->used_idx, 1);
	}
	return NULL;
}

static void *device_tells_of_used_ones(void *arg)
{
	struct moment *m = arg;
	struct vhc_ring *ring = &m->rig->ring;
	const struct vhc_chain chain = { .id = m->rig->drv.packed ? 1 << VHC_DESCS_SHIFT : 0 };
	u64 seed = 2, i;
	u32 step = 0;

	vhc_ring_need_signal(ring);
	for (i = 0; i < m->rounds; i++) {
		vhc_ring_fill(ring, &chain, 0);
		meet(m, 1, ++step);
		dawdle(&seed);
		fill_store_buffer(&seed);
		vhc_ring_publish(ring);
		m->device_noticed = vhc_ring_need_signal(ring);
		meet(m, 1, ++step);
		m->lost += !m->driver_noticed && !m->device_noticed;
	}
	return NULL;
}

static void moments(unsigned int features, void *(*driver)(void *), void *(*device)(void *))
{
	struct moment m = {
		.rig = rig_new(16, features, 65000),
		.rounds = env_u64("CHAINS", 120000) / 5,
	};
	pthread_t thread[2];
	unsigned int i;

	rig_simple(m.rig, 0);
	assert_int_equal(pthread_create(&thread[0], NULL, driver, &m), 0);
	assert_int_equal(pthread_create(&thread[1], NULL, device, &m), 0);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(m.lost, 0);
	rig_free(m.rig);
}

static void threads_lose_no_kick_when_both_look_at_once(void **state)
{
	(void)state;
	moments(0, driver_tells_of_chains, device_asks_for_kicks);
	moments(EVENT_IDX, driver_tells_of_chains, device_asks_for_kicks);
}

static void threads_lose_no_signal_when_both_look_at_once(void **state)
{
	(void)state;
	moments(0, driver_asks_for_signals, device_tells_of_used_ones);
	moments(EVENT_IDX, driver_asks_for_signals, device_tells_of_used_ones);
}

static const struct test tests[] = {
	TEST(threads_lose_no_kick_when_both_look_at_once),
	TEST(threads_lose_no_signal_when_both_look_at_once),
	TEST(threads_of_one_chain_at_a_time_lose_no_wakeup),
	TEST(threads_of_few_chains_lose_no_wakeup),
	TEST(threads_of_many_chains_lose_no_wakeup),
};

const struct suite threads_suite = { tests, ARRAY_SIZE(tests) };
