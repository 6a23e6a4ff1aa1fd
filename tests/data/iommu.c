// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about devices behind an IOMMU: frames arrive through translations that come late, go
 * at any time and put each page elsewhere; and a device asks no more than it has to.
 *
 * Caller: data-test.c. The IOMMU is libvhc's iommu.c.
 */
#include <string.h>

#include "frame.h"
#include "parts.h"
#include "rig.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const uint64_t all_layouts = VHC_F_EVENT_IDX | VHC_F_INDIRECT | VHC_F_MRG_RXBUF;

static const uint64_t behind_iommu = VHC_F_VERSION_1 | VHC_F_ACCESS_PLATFORM;

/* Frames both ways; returns how many translations were taken away. */
static uint64_t exchange(const struct variant *variant, struct vhc_port_config *config,
			 struct vhc_traffic_config *traffic)
{
	uint64_t invalidations;
	struct rig rig;

	traffic->indirect = variant->features & VHC_F_INDIRECT;
	config->table_max = traffic->indirect ? traffic->segments : 0;
	config->mem_size = vhc_traffic_mem_size(traffic, variant->features, config->ring_size,
						config->table_max);
	rig_open(&rig, variant, config);
	vhc_iommu_start(&rig.port.iommu);
	rig_run(&rig, traffic);
	vhc_iommu_stop(&rig.port.iommu);
	assert_true(rig.port.iommu.misses > 0);
	invalidations = rig.port.iommu.invalidations;
	rig_close(&rig);
	return invalidations;
}

static void frames_arrive_through_an_iommu(const struct variant *variant)
{
	struct vhc_port_config config = { .ring_size = 128, .iommu = 2000, .iotlb_v2 = true };
	struct vhc_traffic_config traffic = rig_traffic(1000);

	traffic.segments = 3;
	traffic.window = 40;
	exchange(variant, &config, &traffic);
}

static void messages_of_version_1_do(const struct variant *variant)
{
	struct vhc_port_config config = { .ring_size = 128, .iommu = 2000 };
	struct vhc_traffic_config traffic = rig_traffic(300);

	exchange(variant, &config, &traffic);
}

/* Each page of the rings is somewhere else for the device. */
static void rings_of_many_scattered_pages_work(const struct variant *variant)
{
	struct vhc_port_config config = { .ring_size = 2048, .iommu = 2000, .iotlb_v2 = true };
	struct vhc_traffic_config traffic = rig_traffic(6000);

	traffic.max = 200;
	exchange(variant, &config, &traffic);
}

static void frames_arrive_while_translations_go(const struct variant *variant)
{
	struct vhc_port_config config = { .ring_size = 512, .iommu = 48, .iotlb_v2 = true };
	struct vhc_traffic_config traffic = rig_traffic(1000);

	assert_true(exchange(variant, &config, &traffic) > 100);
}

static void large_frames_arrive_through_an_iommu(const struct variant *variant)
{
	struct vhc_port_config config = { .ring_size = 256, .iommu = 2000, .iotlb_v2 = true };
	struct vhc_traffic_config traffic = rig_traffic(100);

	traffic.gso = true;
	traffic.min = 1515;
	traffic.max = 30000;
	traffic.window = 4;
	exchange(variant, &config, &traffic);
}

static void open_unanswered(struct rig *rig, const struct variant *variant)
{
	const struct vhc_port_config config = {
		.ring_size = 256, .mem_size = 1 << 20, .iommu = 200, .iotlb_v2 = true,
	};

	rig_open(rig, variant, &config);
	rig_start(rig);
}

static void map_ring(struct rig *rig, unsigned int index)
{
	const struct vhc_area *area = rig_driver(rig, index)->area;
	unsigned int i;

	for (i = 0; i < VHC_AREAS; i++)
		vhc_iommu_map(&rig->port.iommu, area[i].addr, area[i].len);
}

/* A guest that kicks as often as it likes costs the host one message for each queue. */
static void what_nobody_answers_is_asked_once(const struct variant *variant)
{
	struct vhost_iotlb_msg miss;
	unsigned int i, misses = 0;
	struct rig rig;

	open_unanswered(&rig, variant);
	map_ring(&rig, VHC_TX);
	for (i = 0; i < 200; i++) {
		rig_add_tx(&rig, i);
		vhc_driver_publish(rig_driver(&rig, VHC_TX));
		vhc_queue_kick(&rig.port.queue[VHC_TX]);
		vhc_queue_kick(&rig.port.queue[VHC_RX]);
		if (i % 10 == 0)
			rig_settle();
	}
	rig_settle();
	while (vhc_iommu_read_miss(&rig.port.iommu, &miss))
		misses++;
	assert_in_range(misses, 1, 2);
	/* It was read and not answered: the next kick asks again, and then the frames go. */
	vhc_queue_kick(&rig.port.queue[VHC_TX]);
	rig_settle();
	assert_true(vhc_iommu_read_miss(&rig.port.iommu, &miss));
	assert_in_range(miss.iova, rig.tx_slots, rig.tx_slots + 256 * 200);
	assert_int_equal(miss.perm, VHOST_ACCESS_RO);
	vhc_iommu_map(&rig.port.iommu, miss.iova, 1);
	/* Each further question has to be read: the core looks for no other when it is answered. */
	vhc_iommu_start(&rig.port.iommu);
	for (i = 0; i < 200; i++)
		rig_expect_tx(&rig, i);
	rig_close(&rig);
}

/*
 * The VMM may have read a question, and not answered it yet, when it is asked again. Before, it
 * maps the ring, and reads the question for it later: since Linux 7.3 vhost_net asks nothing else
 * until that was answered once more.
 */
static void an_answer_to_the_first_of_two_questions_does(const struct variant *variant)
{
	struct vhost_iotlb_msg miss;
	struct rig rig;

	open_unanswered(&rig, variant);
	map_ring(&rig, VHC_TX);
	rig_add_tx(&rig, 100);
	vhc_driver_publish(rig_driver(&rig, VHC_TX));
	vhc_queue_kick(&rig.port.queue[VHC_TX]);
	rig_settle();
	while (vhc_iommu_read_miss(&rig.port.iommu, &miss))
		;
	vhc_queue_kick(&rig.port.queue[VHC_TX]);
	rig_settle();
	vhc_iommu_map(&rig.port.iommu, rig.tx_slots + 100 * 256, 256);
	rig_expect_tx(&rig, 100);
	rig_close(&rig);
}

/* The other queue still waits for its answer, and nothing else would wake it. */
static void a_queue_that_stops_forgets_its_own_question_only(const struct variant *variant)
{
	struct vhost_iotlb_msg miss;
	uint64_t buffers;
	struct rig rig;

	open_unanswered(&rig, variant);
	map_ring(&rig, VHC_RX);
	map_ring(&rig, VHC_TX);
	buffers = vhc_mem_alloc(&rig.port.mem, VHC_IOMMU_PAGE, VHC_IOMMU_PAGE);
	rig_post_rx(&rig, buffers, 2000);
	rig_send_rx(&rig, 7, 100);
	rig_settle();
	vhc_port_stop_queue(&rig.port, VHC_TX);
	assert_true(vhc_iommu_read_miss(&rig.port.iommu, &miss));
	assert_int_equal(miss.iova, buffers);
	assert_int_equal(miss.perm, VHOST_ACCESS_WO);
	assert_false(vhc_iommu_read_miss(&rig.port.iommu, &miss));
	vhc_iommu_map(&rig.port.iommu, buffers, VHC_IOMMU_PAGE);
	rig_expect_rx(&rig, 7);

	vhc_port_start_queue(&rig.port, VHC_TX);
	miss.type = VHOST_IOTLB_INVALIDATE;
	miss.size = VHC_IOMMU_PAGE;
	vhc_iommu_send(&rig.port.iommu, &miss);
	rig_post_rx(&rig, buffers, 2000);
	rig_send_rx(&rig, 8, 100);
	rig_settle();
	vhc_port_stop_queue(&rig.port, VHC_RX);
	assert_false(vhc_iommu_read_miss(&rig.port.iommu, &miss));
	rig_close(&rig);
}

/* A buffer that the IOMMU lets the device read only is no buffer to receive into. */
static void a_buffer_that_may_not_be_written_comes_back_empty(const struct variant *variant)
{
	struct vhost_iotlb_msg read_only = {
		.type = VHOST_IOTLB_UPDATE, .size = VHC_IOMMU_PAGE, .perm = VHOST_ACCESS_RO,
	};
	struct vhc_used used;
	uint64_t buffers;
	struct rig rig;

	open_unanswered(&rig, variant);
	map_ring(&rig, VHC_RX);
	buffers = vhc_mem_alloc(&rig.port.mem, 2 * VHC_IOMMU_PAGE, VHC_IOMMU_PAGE);
	read_only.iova = buffers;
	read_only.uaddr = (uintptr_t)rig.port.iommu.alias +
			  (vhc_iommu_gpa(&rig.port.iommu, buffers) - VHC_MEM_BASE);
	vhc_iommu_send(&rig.port.iommu, &read_only);
	vhc_iommu_map(&rig.port.iommu, buffers + VHC_IOMMU_PAGE, VHC_IOMMU_PAGE);
	rig_post_rx(&rig, buffers, 2000);
	rig_post_rx(&rig, buffers + VHC_IOMMU_PAGE, 2000);
	rig_send_rx(&rig, 7, 100);
	assert_true(vhc_queue_wait(&rig.port.queue[VHC_RX], 2, RIG_PATIENCE_MS));
	assert_int_equal(vhc_driver_take_used(rig_driver(&rig, VHC_RX), &used), 1);
	assert_int_equal(used.len, 0);
	rig_expect_rx(&rig, 7);
	assert_int_equal(vhc_stat_bad(&rig.port.dev, VHC_RX, VHOST_CUSTOM_BAD_ADDRESS), 1);
	rig_close(&rig);
}

static void add_frame_at(struct rig *rig, uint64_t addr, uint64_t number)
{
	const struct vhc_seg seg = { .addr = addr, .len = rig->port.header_len + 200 };

	assert_true(vhc_driver_add(rig_driver(rig, VHC_TX), &seg, 1, 0, number) >= 0);
	vhc_queue_publish(&rig->port.queue[VHC_TX]);
	rig_expect_tx(rig, number);
}

static void build_frame_at(struct rig *rig, uint64_t addr, uint64_t number)
{
	char *bytes = vhc_mem_host(&rig->port.mem, addr);

	memset(bytes, 0, rig->port.header_len);
	vhc_frame_build(bytes + rig->port.header_len, 200, VHC_TX, number, false);
}

/* An address means something else then, and what it meant before is forgotten. */
static void an_iommu_can_be_taken_away_between_two_runs(const struct variant *variant)
{
	const struct vhc_port_config config = { .ring_size = 16, .mem_size = 1 << 20,
						.iommu = 2000, .iotlb_v2 = true };
	struct vhost_vring_addr addr = { .index = VHC_TX };
	struct rig rig;
	uint64_t buffer;

	rig_open(&rig, variant, &config);
	buffer = vhc_mem_alloc_whole(&rig.port.mem, 4096, 4096);
	build_frame_at(&rig, buffer, 1);
	/* Without the IOMMU, @buffer is the address of this one. */
	build_frame_at(&rig, vhc_iommu_gpa(&rig.port.iommu, buffer), 2);
	vhc_iommu_start(&rig.port.iommu);
	rig_start(&rig);
	add_frame_at(&rig, buffer, 1);
	vhc_iommu_stop(&rig.port.iommu);

	vhc_port_stop_queue(&rig.port, VHC_RX);
	vhc_port_stop_queue(&rig.port, VHC_TX);
	vhc_set_features(&rig.port.dev, variant->features & ~VHC_F_ACCESS_PLATFORM);
	vhc_driver_addr(rig_driver(&rig, VHC_TX), &addr);
	vhc_set_vring_addr(&rig.port.dev, &addr);
	vhc_net_set_backend(&rig.port.dev, VHC_TX, rig.port.tap.fd);
	add_frame_at(&rig, buffer, 2);
	rig_close(&rig);
}

static void a_ring_in_pieces_of_pages_is_refused(const struct variant *variant)
{
	struct vhost_iotlb_msg msg = { .type = VHOST_IOTLB_INVALIDATE, .size = VHC_IOMMU_PAGE };
	unsigned int i;
	struct rig rig;

	open_unanswered(&rig, variant);
	msg.iova = rig_driver(&rig, VHC_TX)->area[VHC_DESC_AREA].addr;
	vhc_iommu_send(&rig.port.iommu, &msg);
	msg.type = VHOST_IOTLB_UPDATE;
	msg.size = VHC_IOMMU_PAGE / 2;
	msg.perm = VHOST_ACCESS_RW;
	for (i = 0; i < 2; i++) {
		msg.uaddr = (uintptr_t)rig.port.iommu.alias + 3 * i * VHC_IOMMU_PAGE;
		vhc_iommu_send(&rig.port.iommu, &msg);
		msg.iova += msg.size;
	}
	vhc_queue_kick(&rig.port.queue[VHC_TX]);
	assert_true(vhc_eventfd_wait(rig.port.queue[VHC_TX].err, RIG_PATIENCE_MS));
	assert_true(vhc_stat_bad(&rig.port.dev, VHC_TX, VHOST_CUSTOM_BAD_RING) > 0);
	rig_close(&rig);
}

const struct claim iommu_claims[] = {
	WITH(ON_BOTH, behind_iommu, all_layouts, frames_arrive_through_an_iommu),
	WITH(ON_BOTH, behind_iommu, 0, messages_of_version_1_do),
	WITH(ON_BOTH, behind_iommu, all_layouts, rings_of_many_scattered_pages_work),
	WITH(ON_BOTH, behind_iommu, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF,
	     frames_arrive_while_translations_go),
	WITH(ON_BOTH, behind_iommu | VHC_F_MRG_RXBUF, VHC_F_EVENT_IDX,
	     large_frames_arrive_through_an_iommu),
	WITH(ON_VHOST_CUSTOM, behind_iommu, VHC_F_EVENT_IDX,
	     an_answer_to_the_first_of_two_questions_does),
	/* README: "questions to the VMM about an IOMMU's translations" */
	WITH(ON_VHOST_CUSTOM, behind_iommu, VHC_F_EVENT_IDX, what_nobody_answers_is_asked_once),
	/* README: "a queue that stops behind an IOMMU" */
	WITH(ON_VHOST_CUSTOM, behind_iommu, VHC_F_EVENT_IDX,
	     a_queue_that_stops_forgets_its_own_question_only),
	/* README: "a buffer that the IOMMU does not let the device write" */
	WITH(ON_VHOST_CUSTOM, behind_iommu, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF,
	     a_buffer_that_may_not_be_written_comes_back_empty),
	WITH(ON_VHOST_CUSTOM, behind_iommu, VHC_F_EVENT_IDX,
	     an_iommu_can_be_taken_away_between_two_runs),
	/* README: "a ring behind an IOMMU, with a mapping that ends inside of a page" */
	WITH(ON_VHOST_CUSTOM, behind_iommu, VHC_F_EVENT_IDX, a_ring_in_pieces_of_pages_is_refused),
};

const size_t iommu_claim_num = ARRAY_SIZE(iommu_claims);
