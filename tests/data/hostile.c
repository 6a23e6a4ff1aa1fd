// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about drivers that break the rules: the chain comes back with length 0 and is
 * counted by reason, the error eventfd is signalled, the next good chain works, and the
 * worker sleeps afterwards.
 *
 * For /dev/vhost-custom only, but for the last one: vhost_net stops the queue, or spins, on
 * most of these. Caller: data-test.c.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "frame.h"
#include "parts.h"
#include "rig.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { ANY_REASON = VHOST_CUSTOM_BAD_MAX };

/* A queue of a port, and memory for buffers and for an indirect table. */
struct hostile {
	struct rig rig;
	struct vhc_driver *driver;
	uint64_t buffer;	/* guest address */
	uint64_t table;
	uint16_t before;	/* used->idx before the fault */
};

enum {
	BUFFER_LEN = 256 * 1024,
	TABLE_DESCS = 2048,
};

static void open_hostile(struct hostile *hostile, const struct variant *variant,
			 unsigned int index)
{
	const struct vhc_port_config config = { .ring_size = 256, .mem_size = 8 << 20 };

	rig_open(&hostile->rig, variant, &config);
	hostile->driver = rig_driver(&hostile->rig, index);
	hostile->buffer = vhc_mem_alloc(&hostile->rig.port.mem, BUFFER_LEN, 4096);
	hostile->table = vhc_mem_alloc(&hostile->rig.port.mem, 16 * TABLE_DESCS, 4096);
	rig_start(&hostile->rig);
}

static unsigned int queue_index(struct hostile *hostile)
{
	return hostile->driver == rig_driver(&hostile->rig, VHC_TX) ? VHC_TX : VHC_RX;
}

static struct vring_desc *desc_at(struct hostile *hostile, unsigned int index)
{
	return &hostile->driver->desc[index];
}

/* Writes entry @at of the indirect table. */
static void set_entry(struct hostile *hostile, unsigned int at, uint64_t addr, uint32_t len,
		      uint16_t flags, uint16_t next)
{
	struct vring_desc desc;

	vhc_driver_set_desc(hostile->driver, &desc, addr, len, flags, next);
	vhc_mem_write(&hostile->rig.port.mem, hostile->table + 16 * at, &desc, sizeof(desc));
}

/* Adds one descriptor as a chain of its own; the device is to refuse it. */
static unsigned int add_desc(struct hostile *hostile, uint64_t addr, uint32_t len,
			     uint16_t flags, uint16_t next)
{
	struct vhc_seg seg = { .addr = addr, .len = len };
	int head = vhc_driver_add(hostile->driver, &seg, 1, 0, 0);

	assert_true(head >= 0);
	vhc_driver_set_desc(hostile->driver, desc_at(hostile, head), addr, len, flags, next);
	return head;
}

static void add_table(struct hostile *hostile, uint32_t len)
{
	add_desc(hostile, hostile->table, len, VRING_DESC_F_INDIRECT, 0);
}

/* ---- what the device must do ---- */

static uint64_t bad_count(struct hostile *hostile, unsigned int index, unsigned int reason)
{
	const struct vhc_dev *dev = &hostile->rig.port.dev;
	uint64_t sum = 0;
	unsigned int i;

	if (reason != ANY_REASON)
		return vhc_stat_bad(dev, index, reason);
	for (i = 0; i < VHOST_CUSTOM_BAD_MAX; i++)
		sum += vhc_stat_bad(dev, index, i);
	return sum;
}

/* The fault was counted, once, and by the right reason; and the VMM was told. */
static void expect_counted(struct hostile *hostile, unsigned int index, unsigned int reason)
{
	struct vhc_queue *queue = &hostile->rig.port.queue[index];
	uint64_t bad;
	unsigned int i;

	if (!vhc_eventfd_wait(queue->err, RIG_PATIENCE_MS))
		fail_msg("the error eventfd was not signalled");
	assert_int_equal(vhc_eventfd_read(queue->err), 1);
	rig_settle();
	for (i = 0; reason != ANY_REASON && i < VHOST_CUSTOM_BAD_MAX; i++) {
		bad = bad_count(hostile, index, i);
		if (bad != (i == reason ? 1 : 0))
			fail_msg("bad[%u] is %" PRIu64 ", and bad[%u] should be 1", i, bad, reason);
	}
	assert_int_equal(bad_count(hostile, index, ANY_REASON), 1);
}

static void expect_given_back_empty(struct hostile *hostile)
{
	struct vhc_used used;

	rig_spin_until_used(&hostile->rig, queue_index(hostile), hostile->before + 1);
	assert_int_equal(vhc_driver_take_used(hostile->driver, &used), 1);
	assert_int_equal(used.len, 0);
}

static void good_tx(struct hostile *hostile, uint64_t number)
{
	struct vhc_queue *queue = &hostile->rig.port.queue[VHC_TX];
	struct vhc_used used;

	rig_add_tx(&hostile->rig, number);
	vhc_queue_publish(queue);
	rig_expect_tx(&hostile->rig, number);
	assert_true(vhc_queue_wait(queue, 1, RIG_PATIENCE_MS));
	assert_int_equal(vhc_driver_take_used(&queue->driver, &used), 1);
	assert_int_equal(used.cookie, number);
	hostile->before = queue->driver.last_used;
}

/*
 * A good chain, a bad one, a good one: of those that are sent in batches, or with a bounded send
 * buffer one by one.
 */
static void tx_chain_is_refused_with(const struct variant *variant, int send_buffer,
				     void (*add)(struct hostile *hostile), unsigned int reason)
{
	struct hostile hostile;

	open_hostile(&hostile, variant, VHC_TX);
	vhc_tap_set_sndbuf(&hostile.rig.port.tap, send_buffer);
	good_tx(&hostile, 1);
	add(&hostile);
	vhc_queue_publish(&hostile.rig.port.queue[VHC_TX]);
	expect_counted(&hostile, VHC_TX, reason);
	expect_given_back_empty(&hostile);
	good_tx(&hostile, 2);
	rig_close(&hostile.rig);
}

static void tx_chain_is_refused(const struct variant *variant,
				void (*add)(struct hostile *hostile), unsigned int reason)
{
	tx_chain_is_refused_with(variant, INT_MAX, add, reason);
	tx_chain_is_refused_with(variant, 1 << 20, add, reason);
}

/* ---- TX: the frame ---- */

static void add_short_header(struct hostile *hostile)
{
	add_desc(hostile, hostile->buffer, 5, 0, 0);
}

static void tx_shorter_than_the_header(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_short_header, VHOST_CUSTOM_BAD_HEADER);
}

static void add_runt(struct hostile *hostile)
{
	add_desc(hostile, hostile->buffer, hostile->rig.port.header_len + 13, 0, 0);
}

static void tx_frame_shorter_than_ethernet(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_runt, VHOST_CUSTOM_BAD_FRAME);
}

static void add_empty_frame(struct hostile *hostile)
{
	add_desc(hostile, hostile->buffer, hostile->rig.port.header_len, 0, 0);
}

static void tx_frame_without_a_byte(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_empty_frame, VHOST_CUSTOM_BAD_FRAME);
}

static void add_header(struct hostile *hostile, const struct virtio_net_hdr *header,
		       uint32_t len)
{
	vhc_mem_write(&hostile->rig.port.mem, hostile->buffer, header, sizeof(*header));
	add_desc(hostile, hostile->buffer, hostile->rig.port.header_len + len, 0, 0);
}

static void add_csum_outside(struct hostile *hostile)
{
	const struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 65000, .csum_offset = 65000,
	};

	add_header(hostile, &header, 100);
}

static void tx_checksum_outside_of_the_frame(const struct variant *variant)
{
	tx_chain_is_refused_with(variant, INT_MAX, add_csum_outside, VHOST_CUSTOM_BAD_HEADER);
	tx_chain_is_refused_with(variant, 1 << 20, add_csum_outside, VHOST_CUSTOM_BAD_FRAME);
}

static void add_unknown_gso(struct hostile *hostile)
{
	const struct virtio_net_hdr header = { .gso_type = 0x33, .gso_size = 1000 };

	add_header(hostile, &header, 5000);
}

static void tx_unknown_segmentation(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_unknown_gso, VHOST_CUSTOM_BAD_FRAME);
}

static void add_long_header(struct hostile *hostile)
{
	const struct virtio_net_hdr header = {
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1000, .hdr_len = 65535,
	};

	add_header(hostile, &header, 5000);
}

static void tx_hdr_len_beyond_the_frame(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_long_header, VHOST_CUSTOM_BAD_FRAME);
}

/* ---- TX: addresses and lengths ---- */

static void add_unmapped(struct hostile *hostile)
{
	add_desc(hostile, vhc_mem_end(&hostile->rig.port.mem) + 4096, 100, 0, 0);
}

static void tx_unmapped_address(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_unmapped, VHOST_CUSTOM_BAD_ADDRESS);
}

static void add_below(struct hostile *hostile)
{
	add_desc(hostile, 0, 100, 0, 0);
}

static void tx_address_zero(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_below, VHOST_CUSTOM_BAD_ADDRESS);
}

static void add_over_the_end(struct hostile *hostile)
{
	add_desc(hostile, vhc_mem_end(&hostile->rig.port.mem) - 50, 100, 0, 0);
}

static void tx_buffer_over_the_end_of_memory(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_over_the_end, VHOST_CUSTOM_BAD_ADDRESS);
}

static void add_wrapping(struct hostile *hostile)
{
	add_desc(hostile, ~0ULL - 50, 100, 0, 0);
}

static void tx_buffer_over_the_end_of_addresses(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_wrapping, VHOST_CUSTOM_BAD_ADDRESS);
}

static void add_huge(struct hostile *hostile)
{
	add_desc(hostile, hostile->buffer, ~0U, 0, 0);
}

static void tx_length_beyond_memory(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_huge, VHOST_CUSTOM_BAD_ADDRESS);
}

/* All of it is mapped, many times over: more than 2 GiB. */
static void add_gigabytes(struct hostile *hostile)
{
	unsigned int i;

	for (i = 0; i < 1000; i++)
		set_entry(hostile, i, VHC_MEM_BASE, 4 << 20, i < 999 ? VRING_DESC_F_NEXT : 0,
			  i + 1);
	add_table(hostile, 16 * 1000);
}

static void tx_gigabytes_of_mapped_memory(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_gigabytes, VHOST_CUSTOM_BAD_LENGTH);
}

static void add_nothing(struct hostile *hostile)
{
	add_desc(hostile, hostile->buffer, 0, 0, 0);
}

static void tx_of_length_zero(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_nothing, VHOST_CUSTOM_BAD_LENGTH);
}

static void add_1025_segments(struct hostile *hostile)
{
	unsigned int i;

	for (i = 0; i < 1025; i++)
		set_entry(hostile, i, hostile->buffer + i, 1, i < 1024 ? VRING_DESC_F_NEXT : 0,
			  i + 1);
	add_table(hostile, 16 * 1025);
}

static void tx_of_1025_segments(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_1025_segments, VHOST_CUSTOM_BAD_LENGTH);
}

/* ---- TX: chains ---- */

static void add_next_beyond(struct hostile *hostile)
{
	add_desc(hostile, hostile->buffer, 100, VRING_DESC_F_NEXT, hostile->driver->num);
}

static void tx_next_beyond_the_table(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_next_beyond, VHOST_CUSTOM_BAD_NEXT);
}

static void add_self(struct hostile *hostile)
{
	unsigned int head = hostile->driver->free_head;

	add_desc(hostile, hostile->buffer, 100, VRING_DESC_F_NEXT, head);
}

static void tx_chain_that_bites_its_tail(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_self, VHOST_CUSTOM_BAD_LOOP);
}

/* Its second descriptor leads to itself; and all lengths are 0. */
static void add_empty_loop(struct hostile *hostile)
{
	unsigned int head = hostile->driver->free_head, next = (head + 100) % 256;

	vhc_driver_set_desc(hostile->driver, desc_at(hostile, next), 0, 0, VRING_DESC_F_NEXT, next);
	add_desc(hostile, 0, 0, VRING_DESC_F_NEXT, next);
}

static void tx_loop_of_empty_descriptors(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_empty_loop, VHOST_CUSTOM_BAD_LOOP);
}

static void add_writable(struct hostile *hostile)
{
	add_desc(hostile, hostile->buffer, 100, VRING_DESC_F_WRITE, 0);
}

static void tx_writable_descriptor(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_writable, VHOST_CUSTOM_BAD_DIRECTION);
}

static void add_writable_first(struct hostile *hostile)
{
	set_entry(hostile, 0, hostile->buffer, 100, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	set_entry(hostile, 1, hostile->buffer, 100, 0, 0);
	add_table(hostile, 32);
}

static void tx_readable_after_writable(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_writable_first, VHOST_CUSTOM_BAD_ORDER);
}

/* ---- TX: indirect tables ---- */

static void add_table_of_nothing(struct hostile *hostile)
{
	add_table(hostile, 0);
}

static void tx_table_of_length_zero(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_table_of_nothing, VHOST_CUSTOM_BAD_INDIRECT);
}

static void add_odd_table(struct hostile *hostile)
{
	set_entry(hostile, 0, hostile->buffer, 100, 0, 0);
	add_table(hostile, 24);
}

static void tx_table_of_one_and_a_half(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_odd_table, VHOST_CUSTOM_BAD_INDIRECT);
}

static void add_nested_table(struct hostile *hostile)
{
	set_entry(hostile, 0, hostile->table, 16, VRING_DESC_F_INDIRECT, 0);
	add_table(hostile, 16);
}

static void tx_table_in_a_table(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_nested_table, VHOST_CUSTOM_BAD_INDIRECT);
}

static void add_table_with_next(struct hostile *hostile)
{
	unsigned int head = hostile->driver->free_head;

	set_entry(hostile, 0, hostile->buffer, 100, 0, 0);
	add_desc(hostile, hostile->table, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT,
		 (head + 1) % 256);
}

static void tx_table_with_next(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_table_with_next, VHOST_CUSTOM_BAD_INDIRECT);
}

static void add_table_with_next_beyond(struct hostile *hostile)
{
	set_entry(hostile, 0, hostile->buffer, 100, VRING_DESC_F_NEXT, 2);
	set_entry(hostile, 1, hostile->buffer, 100, 0, 0);
	add_table(hostile, 32);
}

static void tx_next_beyond_the_indirect_table(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_table_with_next_beyond, VHOST_CUSTOM_BAD_NEXT);
}

static void add_table_with_loop(struct hostile *hostile)
{
	set_entry(hostile, 0, hostile->buffer, 100, VRING_DESC_F_NEXT, 1);
	set_entry(hostile, 1, hostile->buffer, 100, VRING_DESC_F_NEXT, 0);
	add_table(hostile, 32);
}

static void tx_loop_in_an_indirect_table(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_table_with_loop, VHOST_CUSTOM_BAD_LOOP);
}

static void add_unmapped_table(struct hostile *hostile)
{
	add_desc(hostile, vhc_mem_end(&hostile->rig.port.mem), 32, VRING_DESC_F_INDIRECT, 0);
}

static void tx_unmapped_indirect_table(const struct variant *variant)
{
	tx_chain_is_refused(variant, add_unmapped_table, VHOST_CUSTOM_BAD_ADDRESS);
}

/* ---- TX: the ring ---- */

static void tx_head_is_skipped(const struct variant *variant, uint16_t head)
{
	struct hostile hostile;

	open_hostile(&hostile, variant, VHC_TX);
	good_tx(&hostile, 1);
	vhc_driver_offer(hostile.driver, head);
	vhc_queue_publish(&hostile.rig.port.queue[VHC_TX]);
	expect_counted(&hostile, VHC_TX, VHOST_CUSTOM_BAD_HEAD);
	assert_int_equal(vhc_driver_used_idx(hostile.driver), hostile.before);
	good_tx(&hostile, 2);
	rig_close(&hostile.rig);
}

static void tx_head_just_beyond_the_table(const struct variant *variant)
{
	tx_head_is_skipped(variant, 256);
}

static void tx_head_of_65535(const struct variant *variant)
{
	tx_head_is_skipped(variant, 65535);
}

static void tx_index_is_refused(const struct variant *variant, uint16_t jump)
{
	struct vhc_queue *queue;
	struct hostile hostile;
	uint16_t good;

	open_hostile(&hostile, variant, VHC_TX);
	good_tx(&hostile, 1);
	queue = &hostile.rig.port.queue[VHC_TX];
	good = hostile.driver->avail_idx;
	hostile.driver->avail_idx += jump;
	vhc_driver_publish(hostile.driver);
	vhc_queue_kick(queue);
	expect_counted(&hostile, VHC_TX, VHOST_CUSTOM_BAD_INDEX);
	assert_int_equal(vhc_driver_used_idx(hostile.driver), hostile.before);
	hostile.driver->avail_idx = good;
	rig_add_tx(&hostile.rig, 2);
	vhc_driver_publish(hostile.driver);
	vhc_queue_kick(queue);
	rig_expect_tx(&hostile.rig, 2);
	rig_close(&hostile.rig);
}

static void tx_index_too_far(const struct variant *variant)
{
	tx_index_is_refused(variant, 257);
}

static void tx_index_backwards(const struct variant *variant)
{
	tx_index_is_refused(variant, 65535);
}

/* More faults than any batch, and a good frame behind them. */
static void tx_a_ring_full_of_faults(const struct variant *variant)
{
	struct vhc_queue *queue;
	struct hostile hostile;
	struct vhc_used used;
	unsigned int i;

	open_hostile(&hostile, variant, VHC_TX);
	queue = &hostile.rig.port.queue[VHC_TX];
	for (i = 0; i < 255; i++)
		(i % 3 ? add_unmapped : i % 2 ? add_writable : add_short_header)(&hostile);
	rig_add_tx(&hostile.rig, 7);
	vhc_queue_publish(queue);
	rig_expect_tx(&hostile.rig, 7);
	rig_spin_until_used(&hostile.rig, VHC_TX, 256);
	rig_settle();
	for (i = 0; i < 256; i++) {
		assert_int_equal(vhc_driver_take_used(hostile.driver, &used), 1);
		assert_int_equal(used.len, 0);
	}
	assert_int_equal(bad_count(&hostile, VHC_TX, ANY_REASON), 255);
	assert_int_equal(vhc_eventfd_read(queue->err), 255);
	rig_close(&hostile.rig);
}

/* ---- RX ---- */

enum { RX_LEN = 2048 };

static void send_rx(struct hostile *hostile, uint64_t number)
{
	struct virtio_net_hdr header;
	char frame[100];

	vhc_frame_header(&header, false);
	vhc_frame_build(frame, sizeof(frame), VHC_RX, number, false);
	assert_result(vhc_tap_send(&hostile->rig.port.tap, &header, frame, sizeof(frame)), 0);
}

static void good_rx_buffer(struct hostile *hostile)
{
	struct vhc_seg seg = { .addr = hostile->buffer, .len = RX_LEN };

	assert_true(vhc_driver_add(hostile->driver, &seg, 0, 1, 77) >= 0);
	vhc_queue_publish(&hostile->rig.port.queue[VHC_RX]);
}

static void expect_rx(struct hostile *hostile, uint64_t want)
{
	unsigned int header_len = hostile->rig.port.header_len;
	struct vhc_used used;
	char bytes[RX_LEN];
	uint64_t number;

	assert_true(vhc_queue_wait(&hostile->rig.port.queue[VHC_RX], 1, RIG_PATIENCE_MS));
	assert_int_equal(vhc_driver_take_used(hostile->driver, &used), 1);
	assert_int_equal(used.cookie, 77);
	assert_int_equal(used.len, header_len + 100);
	vhc_mem_read(&hostile->rig.port.mem, hostile->buffer, bytes, used.len);
	assert_result(vhc_frame_check(bytes + header_len, 100, VHC_RX, false, &number), 0);
	assert_int_equal(number, want);
	hostile->before = hostile->driver->last_used;
}

/* A frame comes, and the first buffer is bad: it is given back, the next one gets it. */
static void rx_chain_is_refused(const struct variant *variant,
				void (*add)(struct hostile *hostile), unsigned int reason)
{
	struct hostile hostile;

	open_hostile(&hostile, variant, VHC_RX);
	good_rx_buffer(&hostile);
	send_rx(&hostile, 1);
	expect_rx(&hostile, 1);
	add(&hostile);
	vhc_queue_publish(&hostile.rig.port.queue[VHC_RX]);
	send_rx(&hostile, 2);
	expect_counted(&hostile, VHC_RX, reason);
	expect_given_back_empty(&hostile);
	good_rx_buffer(&hostile);
	expect_rx(&hostile, 2);
	rig_close(&hostile.rig);
}

static void add_readable(struct hostile *hostile)
{
	add_desc(hostile, hostile->buffer, RX_LEN, 0, 0);
}

static void rx_readable_descriptor(const struct variant *variant)
{
	rx_chain_is_refused(variant, add_readable, VHOST_CUSTOM_BAD_DIRECTION);
}

static void add_unmapped_writable(struct hostile *hostile)
{
	add_desc(hostile, vhc_mem_end(&hostile->rig.port.mem), RX_LEN, VRING_DESC_F_WRITE, 0);
}

static void rx_unmapped_address(const struct variant *variant)
{
	rx_chain_is_refused(variant, add_unmapped_writable, VHOST_CUSTOM_BAD_ADDRESS);
}

static void add_writable_nothing(struct hostile *hostile)
{
	add_desc(hostile, hostile->buffer, 0, VRING_DESC_F_WRITE, 0);
}

static void rx_of_length_zero(const struct variant *variant)
{
	rx_chain_is_refused(variant, add_writable_nothing, VHOST_CUSTOM_BAD_LENGTH);
}

static void rx_next_beyond_the_table(const struct variant *variant)
{
	rx_chain_is_refused(variant, add_next_beyond, VHOST_CUSTOM_BAD_NEXT);
}

static void rx_chain_that_bites_its_tail(const struct variant *variant)
{
	rx_chain_is_refused(variant, add_self, VHOST_CUSTOM_BAD_LOOP);
}

static void rx_table_in_a_table(const struct variant *variant)
{
	rx_chain_is_refused(variant, add_nested_table, VHOST_CUSTOM_BAD_INDIRECT);
}

/*
 * Too few buffers for a frame, and no more come: the worker must not look at them again and
 * again. When more come, the frame is delivered.
 */
static void rx_too_few_buffers_let_the_worker_sleep(const struct variant *variant)
{
	static char frame[VHC_FRAME_MAX];
	struct virtio_net_hdr header;
	struct vhc_queue *queue;
	struct hostile hostile;
	struct vhc_used used;
	unsigned int i;

	open_hostile(&hostile, variant, VHC_RX);
	queue = &hostile.rig.port.queue[VHC_RX];
	good_rx_buffer(&hostile);
	vhc_tap_detach(&hostile.rig.port.tap);
	vhc_tap_attach(&hostile.rig.port.tap, vhc_frame_protocol(true));
	vhc_frame_header(&header, true);
	vhc_frame_build(frame, 60000, VHC_RX, 1, true);
	assert_result(vhc_tap_send(&hostile.rig.port.tap, &header, frame, 60000), 0);
	rig_settle();
	assert_int_equal(vhc_driver_used_idx(hostile.driver), 0);
	for (i = 1; i < 30; i++)
		good_rx_buffer(&hostile);
	assert_true(vhc_queue_wait(queue, 30, RIG_PATIENCE_MS));
	for (i = 0; i < 30; i++)
		assert_int_equal(vhc_driver_take_used(hostile.driver, &used), 1);
	rig_close(&hostile.rig);
}

#define REFUSED(check_) \
	{ .name = #check_ "_is_refused", .check = check_, .devices = ON_VHOST_CUSTOM, \
	  .with = VHC_F_VERSION_1 | VHC_F_INDIRECT, \
	  .vary = VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF }

/*
 * README: "a frame shorter than its header, or in unmapped memory"
 * README: "any other bad chain"
 */
const struct claim hostile_claims[] = {
	REFUSED(tx_shorter_than_the_header),
	REFUSED(tx_frame_shorter_than_ethernet),
	REFUSED(tx_frame_without_a_byte),
	REFUSED(tx_checksum_outside_of_the_frame),
	REFUSED(tx_unknown_segmentation),
	REFUSED(tx_hdr_len_beyond_the_frame),
	REFUSED(tx_unmapped_address),
	REFUSED(tx_address_zero),
	REFUSED(tx_buffer_over_the_end_of_memory),
	REFUSED(tx_buffer_over_the_end_of_addresses),
	REFUSED(tx_length_beyond_memory),
	REFUSED(tx_gigabytes_of_mapped_memory),
	REFUSED(tx_of_length_zero),
	REFUSED(tx_of_1025_segments),
	REFUSED(tx_next_beyond_the_table),
	REFUSED(tx_chain_that_bites_its_tail),
	REFUSED(tx_loop_of_empty_descriptors),
	REFUSED(tx_writable_descriptor),
	REFUSED(tx_readable_after_writable),
	REFUSED(tx_table_of_length_zero),
	REFUSED(tx_table_of_one_and_a_half),
	REFUSED(tx_table_in_a_table),
	REFUSED(tx_table_with_next),
	REFUSED(tx_next_beyond_the_indirect_table),
	REFUSED(tx_loop_in_an_indirect_table),
	REFUSED(tx_unmapped_indirect_table),
	REFUSED(tx_head_just_beyond_the_table),
	REFUSED(tx_head_of_65535),
	REFUSED(tx_index_too_far),
	REFUSED(tx_index_backwards),
	REFUSED(tx_a_ring_full_of_faults),
	REFUSED(rx_readable_descriptor),
	REFUSED(rx_unmapped_address),
	REFUSED(rx_of_length_zero),
	REFUSED(rx_next_beyond_the_table),
	REFUSED(rx_chain_that_bites_its_tail),
	REFUSED(rx_table_in_a_table),
	{ .name = "rx_too_few_buffers_let_the_worker_sleep",
	  .check = rx_too_few_buffers_let_the_worker_sleep, .devices = ON_BOTH,
	  .with = VHC_F_VERSION_1 | VHC_F_MRG_RXBUF, .vary = VHC_F_EVENT_IDX },
};

const size_t hostile_claim_num = ARRAY_SIZE(hostile_claims);
