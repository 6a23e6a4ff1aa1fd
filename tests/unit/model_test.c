// SPDX-License-Identifier: GPL-2.0
/*
 * Random interleavings of a driver and the engine against a model queue.
 *
 * The model counts in 64 bits and knows what the contract in ring.h says, so that each
 * step has one right outcome. SEED= repeats a failure, ROUNDS= sets the steps per ring.
 */
#include <linux/virtio_byteorder.h>

#include "rig.h"

enum {
	BUFS = 6,
	SEGS = BUFS * 3,
	ENTRY_SIZE = BUFS * 16,		/* one table per head; larger rings share them */
	HANDS = 256,			/* chains that the device may hold */
};

/* What a take must give. */
struct expected {
	u16 head;
	int bad;		/* enum vhost_custom_bad, or -1 */
	unsigned int out, in, num;
	u64 out_len, in_len;
	struct iovec seg[SEGS];
};

/* A chain that the device holds. */
struct hand {
	u64 pos;
	u16 head;
	u32 len;
};

/* Counters never wrap; an index is the low 16 bits of one. */
struct model {
	struct rig *rig;
	u64 rnd;
	struct expected *chain;		/* by available entry */
	struct hand *used;		/* by used entry */
	u64 offered, exposed, seen, next;
	u64 published, reaped, asked;
	bool asked_valid;
	bool kick_off, kick_armed;	/* disabled; a kick must come */
	u64 kick_at;			/* the event index that the device wrote */
	bool signal_off, signal_armed;
	u16 signal_at;
	struct hand hand[HANDS];	/* taken, not filled */
	unsigned int hands;
	unsigned int done;		/* filled, not published */
	u64 counts[3];			/* chains, signals, kicks */
};

static u32 pick(struct model *m, u32 below)
{
	return rnd(&m->rnd) % below;
}

static struct expected *chain_at(struct model *m, u64 pos)
{
	return &m->chain[pos & (m->rig->drv.num - 1)];
}

/* The model's own idea of translation: byte ranges of the rig's windows. */
static void expect_buffer(struct rig *rig, struct expected *e, const struct driver_buf *buf)
{
	u64 addr = buf->addr, left = buf->len;
	unsigned int i;

	while (left) {
		const struct vhc_window *w = NULL;
		u64 part;

		for (i = 0; i < rig->map.num && !w; i++) {
			if (addr - rig->window[i].start <=
			    rig->window[i].last - rig->window[i].start)
				w = &rig->window[i];
		}
		part = w->last - addr + 1 < left ? w->last - addr + 1 : left;
		e->seg[e->num].iov_base = (void *)(addr + w->offset);
		e->seg[e->num++].iov_len = part;
		addr += part;
		left -= part;
	}
	*(buf->write ? &e->in : &e->out) = e->num - (buf->write ? e->out : 0);
	*(buf->write ? &e->in_len : &e->out_len) += buf->len;
}

static struct driver_buf random_buffer(struct model *m, bool write)
{
	static const u64 edge[] = { GPA_B, GPA_C };
	struct driver_buf buf = { .write = write };

	switch (pick(m, 6)) {
	case 0:		/* over an edge, or two */
		buf.len = pick(m, 8) ? 1 + pick(m, 2000) : PART + 1 + pick(m, 1000);
		buf.addr = edge[pick(m, 2)] - pick(m, 1000);
		if (buf.addr + buf.len > GPA_HOLE)
			buf.len = GPA_HOLE - buf.addr;
		break;
	case 1:
		buf.addr = write ? GPA_WO : GPA_RO;
		buf.len = pick(m, PART + 1);
		break;
	case 2:
		buf.len = pick(m, 0x1000);
		buf.addr = -(u64)buf.len;
		break;
	default:
		buf.addr = GPA_A + pick(m, PART);
		buf.len = pick(m, 2000);
	}
	return buf;
}

/* Spoil one buffer; what it says is the one thing wrong. */
static int random_fault(struct model *m, struct driver_buf *buf, unsigned int num)
{
	struct driver_buf *victim = &buf[pick(m, num)];

	switch (pick(m, 3)) {
	case 0:
		victim->addr = GPA_HOLE + pick(m, 100) - 1;
		victim->len = 2 + pick(m, 100);
		return VHOST_CUSTOM_BAD_ADDRESS;
	case 1:
		victim->addr = victim->write ? GPA_RO : GPA_WO;
		victim->len = 1;
		return VHOST_CUSTOM_BAD_ADDRESS;
	default:
		if (num < 2)
			return -1;
		buf[0] = (struct driver_buf){ .addr = GPA_A, .len = 1, .write = true };
		buf[1] = (struct driver_buf){ .addr = GPA_A, .len = 1 };
		return VHOST_CUSTOM_BAD_ORDER;
	}
}

/* Write @table where the guest has it. */
static void table_write(struct rig *rig, u64 offset, const struct vring_desc *table)
{
	u64 first = offset < TABLE_SPLIT ? TABLE_SPLIT - offset : 0;

	if (first > ENTRY_SIZE)
		first = ENTRY_SIZE;
	memcpy(rig->table_part[0] + offset, table, first);
	if (first < ENTRY_SIZE)
		memcpy(rig->table_part[1] + offset + first - TABLE_SPLIT,
		       (const char *)table + first, ENTRY_SIZE - first);
}

static bool add_chain(struct model *m)
{
	struct driver *d = &m->rig->drv;
	struct driver_buf buf[BUFS];
	struct vring_desc table[BUFS] = {};
	unsigned int num = 1 + pick(m, BUFS), out = pick(m, num + 1), i;
	u64 offset = (d->free_head % (TABLE_SIZE / ENTRY_SIZE)) * ENTRY_SIZE;
	/* a table that is shared may be overwritten: only small rings have them */
	bool indirect = d->num <= TABLE_SIZE / ENTRY_SIZE && pick(m, 2);
	struct expected e = { .bad = -1 };
	int head;

	for (i = 0; i < num; i++)
		buf[i] = random_buffer(m, i >= out);
	if (!pick(m, 16))
		e.bad = random_fault(m, buf, num);
	head = driver_add(d, buf, num, indirect ? table : NULL, GPA_TABLE + offset);
	if (head < 0)
		return false;
	if (indirect)
		table_write(m->rig, offset, table);
	e.head = head;
	for (i = 0; e.bad < 0 && i < num; i++)
		expect_buffer(m->rig, &e, &buf[i]);
	*chain_at(m, m->offered++) = e;
	return true;
}

static void do_add(struct model *m)
{
	unsigned int n = 1 + pick(m, pick(m, 4) ? 4 : 200);

	while (n-- && add_chain(m))
		;
}

static void do_expose(struct model *m)
{
	u64 before = m->exposed;
	bool expected;

	driver_expose(&m->rig->drv);
	m->exposed = m->offered;
	if (m->rig->drv.event_idx)
		expected = (u16)(m->kick_at - before) < m->exposed - before;
	else
		expected = !m->kick_off;
	assert_int_equal(driver_must_kick(&m->rig->drv), expected);
	m->counts[2] += expected;
	if (m->kick_armed && m->exposed != before) {
		assert_true(expected);
		m->kick_armed = false;
	}
}

static void take_one(struct model *m)
{
	struct rig *rig = m->rig;
	struct expected *e;
	unsigned int i;

	if (m->next == m->seen)
		m->seen = m->exposed;
	if (m->next == m->seen) {
		assert_int_equal(rig_take(rig), 0);
		return;
	}
	e = chain_at(m, m->next++);
	assert_int_equal(rig_take(rig), e->bad < 0 ? 1 : -EBADMSG);
	assert_int_equal(rig->chain.head, e->head);
	m->hand[m->hands++] = (struct hand){ .pos = m->next - 1, .head = e->head };
	m->counts[0]++;
	if (e->bad >= 0) {
		assert_int_equal(rig->chain.bad, e->bad);
		return;
	}
	assert_int_equal(rig->chain.out_num, e->out);
	assert_int_equal(rig->chain.in_num, e->in);
	assert_int_equal(rig->chain.out_len, e->out_len);
	assert_int_equal(rig->chain.in_len, e->in_len);
	for (i = 0; i < e->num; i++)
		rig_expect_seg(rig, i, (u64)e->seg[i].iov_base, e->seg[i].iov_len);
}

static void do_take(struct model *m)
{
	unsigned int n = 1 + pick(m, pick(m, 4) ? 8 : 150);

	while (n-- && m->hands < HANDS)
		take_one(m);
}

static struct hand *hand_at(struct model *m, u64 pos)
{
	unsigned int i;

	for (i = m->hands; i--; ) {
		if (m->hand[i].pos == pos)
			return &m->hand[i];
	}
	return NULL;
}

/* The last chains may go back, as far as all of them are in hand. */
static void do_rewind(struct model *m)
{
	unsigned int most = pick(m, 4) ? pick(m, 10) : HANDS, n = 0;
	struct hand *hand;

	while (n < most && (hand = hand_at(m, m->next - 1))) {
		*hand = m->hand[--m->hands];
		m->next--;
		n++;
	}
	vhc_ring_rewind(&m->rig->ring, n);
}

static void fill_one(struct model *m)
{
	unsigned int which = pick(m, m->hands);
	struct hand *hand = &m->hand[which];

	hand->len = rnd(&m->rnd);
	vhc_ring_fill(&m->rig->ring, hand->head, hand->len);
	m->used[(m->published + m->done++) & (m->rig->drv.num - 1)] = *hand;
	*hand = m->hand[--m->hands];
}

static void do_fill(struct model *m)
{
	unsigned int n = pick(m, 2) ? m->hands : pick(m, m->hands + 1);

	while (n--)
		fill_one(m);
}

static void do_unfill(struct model *m)
{
	unsigned int n = pick(m, m->done + 1), i;

	if (n > HANDS - m->hands)
		n = HANDS - m->hands;
	vhc_ring_unfill(&m->rig->ring, n);
	for (i = 0; i < n; i++)
		m->hand[m->hands++] = m->used[(m->published + --m->done) & (m->rig->drv.num - 1)];
}

static void do_publish(struct model *m)
{
	assert_int_equal(vhc_ring_publish(&m->rig->ring), m->done);
	m->published += m->done;
	m->done = 0;
	assert_int_equal(m->rig->ring.used_idx, (u16)m->published);
}

static void do_signal(struct model *m)
{
	struct vhc_ring *ring = &m->rig->ring;
	int expected;

	if (ring->notify_on_empty && m->seen == m->next) {
		expected = 1;
	} else if (!ring->event_idx) {
		expected = !m->signal_off;
	} else {
		u64 moved = m->published - m->asked;

		expected = !m->asked_valid || (u16)(m->signal_at - m->asked) < moved;
		m->asked = m->published;
		m->asked_valid = true;
	}
	assert_int_equal(vhc_ring_need_signal(ring), expected);
	m->counts[1] += expected;
	if (m->signal_armed && m->published != m->reaped) {
		assert_int_equal(expected, 1);
		m->signal_armed = false;
	}
}

static void do_enable(struct model *m)
{
	struct rig *rig = m->rig;
	bool more = m->seen != m->exposed;

	assert_int_equal(vhc_ring_enable_notify(&rig->ring), more);
	m->kick_at = m->seen;
	m->kick_off = false;
	m->kick_armed = !more;
	m->seen = m->exposed;
}

static void do_disable(struct model *m)
{
	assert_int_equal(vhc_ring_disable_notify(&m->rig->ring), 0);
	m->kick_off = true;
	m->kick_armed = false;
}

static void do_reap(struct model *m)
{
	unsigned int n = 1 + pick(m, 200);
	u32 id, len;

	while (n--) {
		struct hand *hand = &m->used[m->reaped & (m->rig->drv.num - 1)];

		assert_int_equal(driver_get_used(&m->rig->drv, &id, &len),
				 m->reaped != m->published);
		if (m->reaped == m->published)
			return;
		assert_int_equal(id, hand->head);
		assert_int_equal(len, hand->len);
		m->reaped++;
		m->signal_armed = false;	/* it is awake */
	}
}

static void do_wish(struct model *m)
{
	struct driver *d = &m->rig->drv;

	m->signal_armed = false;
	switch (pick(m, 4)) {
	case 0:
		driver_disable_signals(d);
		m->signal_off = true;
		return;
	case 1:
		if (!d->event_idx)
			return;
		m->signal_at = m->reaped + pick(m, 300) - 100;
		driver_set_used_event(d, m->signal_at);
		return;
	default:
		m->signal_armed = !driver_enable_signals(d);
		assert_int_equal(m->signal_armed, m->reaped == m->published);
		m->signal_off = false;
		m->signal_at = m->reaped;
	}
}

/* A run ends with empty hands. */
static void do_run(struct model *m)
{
	struct vhc_ring *ring = &m->rig->ring;

	if (pick(m, 2))
		do_rewind(m);
	while (m->hands)
		fill_one(m);
	vhc_ring_set_addr(ring, ring->desc, ring->avail, ring->used, ring->num);
	vhc_ring_forget_memory(ring);
}

static void step(struct model *m)
{
	static void (*const ops[])(struct model *m) = {
		do_add, do_add, do_add, do_expose, do_expose, do_reap, do_reap, do_reap, do_wish,
		do_take, do_take, do_take, do_rewind, do_fill, do_fill, do_unfill,
		do_publish, do_publish, do_signal, do_signal, do_enable, do_disable, do_run,
	};

	ops[pick(m, ARRAY_SIZE(ops))](m);
	assert_true(guest_idle());
	assert_int_equal(m->rig->ring.next_avail, (u16)m->next);
}

/* The driver is done: all that it offered must come, once. */
static void drain(struct model *m)
{
	do_expose(m);
	while (m->reaped != m->offered) {
		do_take(m);
		do_fill(m);
		do_publish(m);
		do_reap(m);
	}
	assert_int_equal(m->rig->drv.free_num, m->rig->drv.num);
}

static char doing[80];	/* empty unless in the middle of it */

static int say_what_failed(void **state)
{
	(void)state;
	if (doing[0])
		print_message("# %s\n", doing);
	return 0;
}

static void one_ring(u64 seed, unsigned int num, unsigned int features, u64 rounds)
{
	const u64 start = 65000;
	struct model m = {
		.rnd = seed, .offered = start, .exposed = start, .seen = start, .next = start,
		.published = start, .reaped = start, .asked = start,
	};
	u64 i;

	snprintf(doing, sizeof(doing), "SEED=%llu, ring of %u, features %u",
		 (unsigned long long)seed, num, features);
	m.rig = rig_new(num, features, start);
	m.chain = calloc(num, sizeof(*m.chain));
	m.used = calloc(num, sizeof(*m.used));
	for (i = 0; i < rounds; i++)
		step(&m);
	drain(&m);
	assert_true(m.counts[0] > rounds / 100 && m.counts[1] && m.counts[2]);
	free(m.chain);
	free(m.used);
	rig_free(m.rig);
	doing[0] = 0;
}

static void model_of_random_interleavings(void **state)
{
	static const unsigned int nums[] = { 1, 2, 4, 16, 256, 1024, 32768 };
	u64 seed = env_u64("SEED", 20240607), rounds = env_u64("ROUNDS", 12000);
	unsigned int features, i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(nums); i++) {
		for (features = 0; features < 8; features++)
			one_ring(seed, nums[i], features, rounds);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_teardown(model_of_random_interleavings, say_what_failed),
};

const struct suite model_suite = { tests, ARRAY_SIZE(tests) };
