// SPDX-License-Identifier: GPL-2.0
/*
 * Random interleavings of a driver and the engine against a model queue.
 *
 * The model counts in 64 bits and knows what the contract in ring.h says, so that each
 * step has one right outcome. It counts chains, and where each begins in the ring (at): a split
 * ring has one entry for each, a packed one all of its descriptors. SEED= repeats a failure,
 * ROUNDS= sets the steps per ring.
 */
#include <linux/virtio_byteorder.h>

#include "rig.h"

enum {
	BUFS = 6,
	SEGS = BUFS * 3,
	ENTRY_SIZE = BUFS * 16,		/* one table per head; larger rings share them */
	HANDS = 256,			/* chains that the device may hold */
	START = 65000,
};

/* What a take must give. */
struct expected {
	u16 id;
	u64 at;
	unsigned int entries;
	int bad;		/* enum vhost_custom_bad, or -1 */
	unsigned int out, in, num;
	u64 out_len, in_len;
	struct iovec seg[SEGS];
};

/* A chain that the device holds. */
struct hand {
	struct vhc_chain chain;
	u32 len;
};

enum wish { ALWAYS, NEVER, AT };

/* Counters never wrap; an index is the low 16 bits of one. */
struct model {
	struct rig *rig;
	u64 rnd;
	struct expected *chain;		/* by available entry */
	struct hand *used;		/* by used entry */
	u64 offered, exposed, seen, next;
	u64 published, reaped;
	u64 offered_at, seen_at;	/* seen_at: of a packed ring, maybe amidst a chain */
	u64 fetch_end;			/* chains up to here are fetched */
	unsigned int fetches;
	u64 asked_at;
	bool asked_valid;
	enum wish kick, signal;
	bool kick_armed, signal_armed;	/* one must come */
	u64 kick_at, signal_at;
	struct hand hand[HANDS];	/* taken, not filled; by position */
	unsigned int hands;
	bool took;			/* the last of them, just now */
	bool marked;
	u64 mark_next;
	unsigned int mark_done, mark_fetches;
	unsigned int done;		/* filled, not published */
	u64 counts[3];			/* chains, signals, kicks */
};

static u32 pick(struct model *m, u32 below)
{
	return rnd(&m->rnd) % below;
}

static struct expected *chain_at(struct model *m, u64 pos)
{
	return &m->chain[pos % m->rig->drv.num];
}

static struct hand *used_at(struct model *m, u64 pos)
{
	return &m->used[pos % m->rig->drv.num];
}

/* Where a chain begins, or will. */
static u64 at(struct model *m, u64 pos)
{
	return pos == m->offered ? m->offered_at : chain_at(m, pos)->at;
}

static u16 position(struct model *m, u64 where)
{
	const u64 circle = 2 * m->rig->drv.num;

	if (m->rig->drv.packed)
		return rig_position(m->rig, (where - START + (circle << 40)) % circle);
	return where;
}

/* Is an event index among the entries from @from up to @to? Positions come again. */
static bool among(struct model *m, u64 event, u64 from, u64 to)
{
	const u64 circle = m->rig->drv.packed ? 2 * m->rig->drv.num : 65536;

	return (event - from + (circle << 40)) % circle < to - from;
}

/* The model's own idea of translation: byte ranges of the rig's windows. */
static void expect_buffer(struct rig *rig, struct expected *e, const struct driver_buf *buf)
{
	const bool write = buf->flags & VRING_DESC_F_WRITE;
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
	*(write ? &e->in : &e->out) = e->num - (write ? e->out : 0);
	*(write ? &e->in_len : &e->out_len) += buf->len;
}

static struct driver_buf random_buffer(struct model *m, bool write)
{
	static const u64 edge[] = { GPA_B, GPA_C };
	struct driver_buf buf = { .flags = write ? VRING_DESC_F_WRITE : 0 };

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
		victim->addr = victim->flags ? GPA_RO : GPA_WO;
		victim->len = 1;
		return VHOST_CUSTOM_BAD_ADDRESS;
	default:
		/* That the first one is to be written is not always believed. */
		if (num < 3)
			return -1;
		buf[1] = (struct driver_buf){ .addr = GPA_A, .len = 1,
					    .flags = VRING_DESC_F_WRITE };
		buf[2] = (struct driver_buf){ .addr = GPA_A, .len = 1 };
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
	int id;

	for (i = 0; i < num; i++)
		buf[i] = random_buffer(m, i >= out);
	if (!pick(m, 16))
		e.bad = random_fault(m, buf, num);
	id = driver_add(d, buf, num, indirect ? table : NULL, GPA_TABLE + offset);
	if (id < 0)
		return false;
	if (indirect)
		table_write(m->rig, offset, table);
	e.id = id;
	e.entries = d->packed && !indirect ? num : 1;
	e.at = m->offered_at;
	m->offered_at += e.entries;
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
	u64 before = at(m, m->exposed);
	bool more = m->offered != m->exposed, expected;

	driver_expose(&m->rig->drv);
	m->exposed = m->offered;
	expected = m->kick == ALWAYS ||
		   (m->kick == AT && among(m, m->kick_at, before, m->offered_at));
	assert_int_equal(driver_must_kick(&m->rig->drv), expected);
	m->counts[2] += expected;
	if (m->kick_armed && more) {
		assert_true(expected);
		m->kick_armed = false;
	}
}

/* What the engine sees when it looks: of a packed ring, no more than it can remember. */
static void look(struct model *m)
{
	unsigned int chains = 0, descs = 0;

	m->fetches++;
	m->fetch_end = m->next;
	if (!m->rig->drv.packed) {
		if (m->next == m->seen)
			m->seen = m->exposed;
		m->fetch_end += m->seen - m->next < VHC_BATCH ? m->seen - m->next : VHC_BATCH;
		return;
	}
	while (m->fetch_end != m->exposed && chains++ < VHC_BATCH) {
		descs += chain_at(m, m->fetch_end)->entries;
		if (descs > VHC_CHAIN_MAX)
			break;
		m->fetch_end++;
	}
	if (at(m, m->fetch_end) > m->seen_at)
		m->seen_at = at(m, m->fetch_end);
}

static void take_one(struct model *m)
{
	struct rig *rig = m->rig;
	struct expected *e;
	unsigned int i;

	m->took = false;
	if (m->next == m->fetch_end)
		look(m);
	if (m->next == m->fetch_end) {
		assert_int_equal(rig_take(rig), 0);
		return;
	}
	e = chain_at(m, m->next++);
	assert_int_equal(rig_take(rig), e->bad < 0 ? 1 : -EBADMSG);
	assert_int_equal(rig_id(rig), e->id);
	assert_int_equal(rig_descs(rig), e->entries);
	rig->taken_num = 0;
	m->hand[(m->next - 1) % HANDS] = (struct hand){ .chain = rig->chain };
	m->hands++;
	m->took = true;
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

/* The chain that was taken last goes back, if no other take was tried since. */
static void do_put_back(struct model *m)
{
	if (!m->took)
		return;
	vhc_ring_put_back(&m->rig->ring);
	m->took = false;
	m->hands--;
	m->next--;
}

/* As RX does: with empty hands, so that all taken since may go back. */
static void do_mark(struct model *m)
{
	if (m->hands)
		return;
	vhc_ring_mark(&m->rig->ring);
	m->marked = true;
	m->mark_next = m->next;
	m->mark_done = m->done;
	m->mark_fetches = m->fetches;
}

static void do_rewind(struct model *m)
{
	if (!m->marked)
		return;
	vhc_ring_rewind(&m->rig->ring);
	m->next = m->mark_next;
	if (m->mark_fetches != m->fetches)
		m->fetch_end = m->next;
	m->done = m->mark_done;
	m->hands = 0;
	m->took = false;
}

/* The oldest chain in hand. */
static void fill_one(struct model *m)
{
	struct hand *hand = &m->hand[(m->next - m->hands) % HANDS];

	hand->len = rnd(&m->rnd) / 2;
	vhc_ring_fill(&m->rig->ring, &hand->chain, hand->len);
	*used_at(m, m->published + m->done++) = *hand;
	m->hands--;
	m->took = false;
}

static void do_fill(struct model *m)
{
	unsigned int n = pick(m, 2) ? m->hands : pick(m, m->hands + 1);

	while (n--)
		fill_one(m);
}

static void do_signal(struct model *m)
{
	struct vhc_ring *ring = &m->rig->ring;
	const u64 now = at(m, m->published);
	int expected = m->signal == ALWAYS;

	if (!ring->packed && ring->notify_on_empty && m->seen == m->next) {
		expected = 1;
	} else if (ring->event_idx) {
		if (m->signal == AT)
			expected = !m->asked_valid || among(m, m->signal_at, m->asked_at, now);
		m->asked_at = now;
		m->asked_valid = true;
	}
	assert_int_equal(vhc_ring_need_signal(ring), expected);
	m->counts[1] += expected;
	if (m->signal_armed && m->published != m->reaped) {
		assert_int_equal(expected, 1);
		m->signal_armed = false;
	}
}

/* With IN_ORDER a chain that nothing was written to needs no entry if another one follows. */
static void skip_some(struct model *m)
{
	unsigned int i;

	for (i = 0; m->rig->drv.in_order && i + 1 < m->done; i++) {
		struct hand *hand = used_at(m, m->published + i);

		if (!hand->chain.in_len)
			hand->len = DRIVER_LEN_UNKNOWN;
	}
}

static void do_publish(struct model *m)
{
	const unsigned int done = m->done;

	skip_some(m);
	assert_int_equal(vhc_ring_publish(&m->rig->ring), done);
	m->published += done;
	m->done = 0;
	m->marked = false;
	assert_int_equal(m->rig->ring.used_idx, position(m, at(m, m->published)));
	/* A packed ring's positions come again too soon not to ask each time. */
	if (m->rig->drv.packed && done)
		do_signal(m);
}

static void do_enable(struct model *m)
{
	struct rig *rig = m->rig;
	bool more = rig->drv.packed ? m->seen_at != at(m, m->exposed) : m->seen != m->exposed;

	assert_int_equal(vhc_ring_enable_notify(&rig->ring), more);
	m->kick = rig->drv.event_idx ? AT : ALWAYS;
	m->kick_at = rig->drv.packed ? m->seen_at : m->seen;
	m->kick_armed = !more;
	m->seen = m->exposed;
	m->seen_at += more;
}

static void do_disable(struct model *m)
{
	assert_int_equal(vhc_ring_disable_notify(&m->rig->ring), 0);
	if (m->rig->drv.packed || !m->rig->drv.event_idx)
		m->kick = NEVER;
	m->kick_armed = false;
}

static void do_reap(struct model *m)
{
	unsigned int n = 1 + pick(m, 200);
	u32 id, len;

	while (n--) {
		struct hand *hand = used_at(m, m->reaped);

		assert_int_equal(driver_get_used(&m->rig->drv, &id, &len),
				 m->reaped != m->published);
		if (m->reaped == m->published)
			return;
		assert_int_equal(id, hand->chain.id & 0xffff);
		assert_int_equal(len, hand->len);
		m->reaped++;
		m->signal_armed = false;	/* it is awake */
	}
}

static void do_wish(struct model *m)
{
	struct driver *d = &m->rig->drv;

	/* It does not sleep amidst a batch. */
	if (d->batch)
		return;
	m->signal_armed = false;
	switch (pick(m, 4)) {
	case 0:
		driver_disable_signals(d);
		if (d->packed || !d->event_idx)
			m->signal = NEVER;
		return;
	case 1:
		if (!d->event_idx)
			return;
		m->signal = AT;
		m->signal_at = at(m, m->reaped) + pick(m, 300) - 100;
		driver_set_used_event(d, position(m, m->signal_at));
		return;
	default:
		m->signal_armed = !driver_enable_signals(d);
		assert_int_equal(m->signal_armed, m->reaped == m->published);
		m->signal = d->event_idx ? AT : ALWAYS;
		m->signal_at = at(m, m->reaped);
	}
}

/* A run ends with empty hands. */
static void do_run(struct model *m)
{
	struct vhc_ring *ring = &m->rig->ring;

	do_put_back(m);
	while (m->hands)
		fill_one(m);
	vhc_ring_set_addr(ring, ring->desc, ring->avail, ring->used, ring->num);
	vhc_ring_forget_memory(ring);
}

static void step(struct model *m)
{
	static void (*const ops[])(struct model *m) = {
		do_add, do_add, do_add, do_expose, do_expose, do_reap, do_reap, do_reap, do_wish,
		do_take, do_take, do_take, do_put_back, do_fill, do_fill, do_mark, do_rewind,
		do_publish, do_publish, do_signal, do_signal, do_enable, do_disable, do_run,
	};

	ops[pick(m, ARRAY_SIZE(ops))](m);
	assert_true(guest_idle());
	assert_int_equal(vhc_ring_next_avail(&m->rig->ring), position(m, at(m, m->next)));
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
	struct model m = {
		.rnd = seed, .offered = START, .exposed = START, .seen = START, .next = START,
		.published = START, .reaped = START, .offered_at = START, .seen_at = START,
		.fetch_end = START,
	};
	u64 i;

	snprintf(doing, sizeof(doing), "SEED=%llu, ring of %u, features %u",
		 (unsigned long long)seed, num, features);
	m.rig = rig_new(num, features, START);
	/* Zeros in the event words mean something else in each layout. */
	if (m.rig->drv.event_idx && !m.rig->drv.packed) {
		m.kick = AT;
		m.signal = AT;
	}
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
	static const unsigned int nums[] = { 1, 2, 3, 4, 5, 16, 100, 255, 256, 1024, 32768 };
	u64 seed = env_u64("SEED", 20240607), rounds = env_u64("ROUNDS", 5000);
	unsigned int features, i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(nums); i++) {
		for (features = 0; features < 16 && rig_num_ok(nums[i]); features++)
			one_ring(seed, nums[i], features, rounds);
	}
}

static const struct test tests[] = {
	{ cmocka_unit_test_teardown(model_of_random_interleavings, say_what_failed), BOTH_LAYOUTS },
};

const struct suite model_suite = { tests, ARRAY_SIZE(tests) };
