// SPDX-License-Identifier: GPL-2.0
/*
 * A guest, or a VMM, that abuses an IOMMU: translations that make no sense, that are missing, or
 * that come and go.
 *
 * Caller: hostile-test.c. libvhc's iommu.c answers the device's questions, as long as it runs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sight.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	PAGE = VHC_IOMMU_PAGE,
	MANY = 4000,		/* translations: more than the core keeps */
	QUESTIONS_MOST = 4,
};

static const uint64_t kernel_address = 0xffff888000000000ULL;

/* Where nothing of the queue's is. */
static const uint64_t elsewhere = 1ULL << 40;

static struct vhc_iommu *iommu(struct hostile *hostile)
{
	return &hostile->rig.port.iommu;
}

static int tell(struct hostile *hostile, unsigned int type, uint64_t iova, uint64_t size,
		uint64_t user, unsigned int perm)
{
	struct vhost_msg_v2 message = {
		.type = VHOST_IOTLB_MSG_V2,
		.iotlb = {
			.type = type, .iova = iova, .size = size, .uaddr = user, .perm = perm,
		},
	};
	const ssize_t ret = write(hostile->rig.port.dev.fd, &message, sizeof(message));

	return ret < 0 ? -errno : 0;
}

static int update(struct hostile *hostile, uint64_t iova, uint64_t size, uint64_t user)
{
	return tell(hostile, VHOST_IOTLB_UPDATE, iova, size, user, VHOST_ACCESS_RW);
}

static uint64_t page(struct hostile *hostile)
{
	return (uintptr_t)iommu(hostile)->alias;
}

/* ---- messages ---- */

static void a_translation_of_size_0(struct hostile *hostile)
{
	sight_answer(hostile, "UPDATE", update(hostile, elsewhere, 0, page(hostile)), -EINVAL);
}

static void a_translation_that_wraps(struct hostile *hostile)
{
	sight_answer(hostile, "guest addresses",
		     update(hostile, -4096ULL, 2 * PAGE, page(hostile)), -EFAULT);
	sight_answer(hostile, "host addresses",
		     update(hostile, elsewhere, 2 * PAGE, -4096ULL), -EFAULT);
}

static void a_translation_to_the_kernel(struct hostile *hostile)
{
	sight_answer(hostile, "UPDATE", update(hostile, elsewhere, PAGE, kernel_address), -EFAULT);
}

static void a_translation_without_permission(struct hostile *hostile)
{
	sight_answer(hostile, "UPDATE",
		     tell(hostile, VHOST_IOTLB_UPDATE, elsewhere, PAGE, page(hostile), 0), 0);
	hostile_add_desc(hostile, elsewhere, 200, 0, 0);
	vhc_queue_publish(hostile_queue(hostile));
}

static void a_message_of_another_type(struct hostile *hostile)
{
	static const unsigned int types[] = { 0, VHOST_IOTLB_MISS, VHOST_IOTLB_ACCESS_FAIL, 200 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		sight_answer(hostile, "a message",
			     tell(hostile, types[i], elsewhere, PAGE, page(hostile),
				  VHOST_ACCESS_RW), -EFAULT);
}

/* More than the core keeps; it throws old ones away, and the device asks again. */
static void thousands_of_translations(struct hostile *hostile)
{
	unsigned int i;

	for (i = 0; i < MANY; i++)
		sight_answer(hostile, "UPDATE",
			     update(hostile, elsewhere + i * 2 * PAGE, PAGE, page(hostile)), 0);
}

static void translations_that_overlap(struct hostile *hostile)
{
	unsigned int i;

	for (i = 0; i < 300; i++)
		sight_answer(hostile, "UPDATE",
			     update(hostile, elsewhere + i * 100, 3 * PAGE + i, page(hostile)), 0);
	hostile_add_desc(hostile, elsewhere + 5000, 20000, 0, 0);
	vhc_queue_publish(hostile_queue(hostile));
}

/* Everything there is; and then as it was. */
static void a_translation_of_everything(struct hostile *hostile)
{
	int ret = update(hostile, 0, ~0ULL, 4096);

	/* That host addresses may not be so many is well known to a newer core. */
	if (ret)
		sight_answer(hostile, "UPDATE", ret, -EFAULT);
	hostile_add_desc(hostile, elsewhere, 200, 0, 0);
	vhc_queue_publish(hostile_queue(hostile));
	sight_wait(hostile, NULL);
	sight_answer(hostile, "INVALIDATE",
		     tell(hostile, VHOST_IOTLB_INVALIDATE, 0, ~0ULL, 0, 0), 0);
}

static void everything_is_invalidated_again_and_again(struct hostile *hostile)
{
	unsigned int i;

	for (i = 0; i < 100; i++) {
		rig_add_tx(&hostile->rig, hostile->number++);
		vhc_queue_publish(hostile_queue(hostile));
		sight_answer(hostile, "INVALIDATE",
			     tell(hostile, VHOST_IOTLB_INVALIDATE, 0, ~0ULL, 0, 0), 0);
	}
}

/* ---- buffers ---- */

static void a_frame_in_memory_that_may_only_be_written(struct hostile *hostile)
{
	tell(hostile, VHOST_IOTLB_UPDATE, elsewhere, PAGE, page(hostile), VHOST_ACCESS_WO);
	hostile_add_desc(hostile, elsewhere, 200, 0, 0);
}

/* README: "a buffer that the IOMMU does not let the device write" */
static void a_buffer_in_memory_that_may_only_be_read(struct hostile *hostile)
{
	tell(hostile, VHOST_IOTLB_UPDATE, elsewhere, PAGE, page(hostile), VHOST_ACCESS_RO);
	hostile_add_desc(hostile, elsewhere, HOSTILE_RX_LEN, VRING_DESC_F_WRITE, 0);
}

static void a_table_in_memory_that_may_only_be_written(struct hostile *hostile)
{
	tell(hostile, VHOST_IOTLB_UPDATE, elsewhere, PAGE, page(hostile), VHOST_ACCESS_WO);
	hostile_add_desc(hostile, elsewhere, 32, VRING_DESC_F_INDIRECT, 0);
}

/* ---- questions that nobody answers ---- */

static void nothing_is_answered(struct hostile *hostile)
{
	vhc_iommu_stop(iommu(hostile));
	hostile_add_desc(hostile, elsewhere, 200, 0, 0);
	vhc_queue_publish(hostile_queue(hostile));
}

/*
 * Each kick asks; what is not read must not grow.
 * README: "questions to the VMM about an IOMMU's translations"
 */
static void thousands_of_questions(struct hostile *hostile)
{
	struct vhost_iotlb_msg miss;
	unsigned int i, questions = 0;

	vhc_iommu_stop(iommu(hostile));
	for (i = 0; i < 200; i++)
		hostile_add_desc(hostile, elsewhere + i * PAGE, 200, 0, 0);
	vhc_queue_publish(hostile_queue(hostile));
	for (i = 0; i < 1000; i++) {
		vhc_queue_kick(hostile_queue(hostile));
		if (i % 10 == 0)
			sight_wait(hostile, NULL);
	}
	sight_wait(hostile, NULL);
	while (vhc_iommu_read_miss(iommu(hostile), &miss))
		questions++;
	if (questions > QUESTIONS_MOST) {
		char text[64];

		snprintf(text, sizeof(text), "%u questions wait for an answer", questions);
		sight_says(hostile, text);
	}
}

/* The guest gets another ring; what it asked about before does not matter any more. */
static void answers_again(struct hostile *hostile)
{
	vhc_iommu_stop(iommu(hostile));
	vhc_iommu_start(iommu(hostile));
	rig_reset_queue(&hostile->rig, hostile->attack->index);
}

/* ---- rings ---- */

static void a_ring_whose_translation_goes(struct hostile *hostile)
{
	const struct vhc_driver *driver = hostile->driver;
	unsigned int i;

	vhc_iommu_stop(iommu(hostile));
	for (i = 0; i < VHC_AREAS; i++)
		tell(hostile, VHOST_IOTLB_INVALIDATE, driver->area[i].addr, driver->area[i].len, 0,
		     0);
	rig_add_tx(&hostile->rig, hostile->number++);
	vhc_queue_publish(hostile_queue(hostile));
}

static void a_ring_that_may_not_be_accessed(struct hostile *hostile)
{
	const struct vhc_driver *driver = hostile->driver;
	unsigned int i;

	vhc_iommu_stop(iommu(hostile));
	for (i = 0; i < VHC_AREAS; i++) {
		const uint64_t at = driver->area[i].addr / PAGE * PAGE;

		tell(hostile, VHOST_IOTLB_INVALIDATE, at, 4 * PAGE, 0, 0);
		tell(hostile, VHOST_IOTLB_UPDATE, at, 4 * PAGE, page(hostile), 0);
	}
	rig_add_tx(&hostile->rig, hostile->number++);
	vhc_driver_publish(hostile->driver);
	vhc_queue_kick(hostile_queue(hostile));
}

/* Into an end that is inside of a page, which no IOMMU has. */
static void a_ring_cut_inside_of_a_page(struct hostile *hostile)
{
	const uint64_t at = hostile->driver->area[VHC_DESC_AREA].addr;

	vhc_iommu_stop(iommu(hostile));
	tell(hostile, VHOST_IOTLB_INVALIDATE, at, PAGE, 0, 0);
	tell(hostile, VHOST_IOTLB_UPDATE, at, 100, page(hostile), VHOST_ACCESS_RW);
	tell(hostile, VHOST_IOTLB_UPDATE, at + 100, PAGE - 100, page(hostile) + PAGE,
	     VHOST_ACCESS_RW);
	rig_add_tx(&hostile->rig, hostile->number++);
	vhc_driver_publish(hostile->driver);
	vhc_queue_kick(hostile_queue(hostile));
}

/* Right translations again, whatever the device has. */
static void right_ring(struct hostile *hostile)
{
	tell(hostile, VHOST_IOTLB_INVALIDATE, 0, ~0ULL, 0, 0);
	answers_again(hostile);
}

#define BEHIND .iommu = 2000, .with = VHC_F_ACCESS_PLATFORM
#define TELLS(outcome_, apply_, ...) \
	ATTACK(VMM, VHC_TX, outcome_, apply_, BEHIND, ##__VA_ARGS__)

static const struct attack list[] = {
	TELLS(IGNORED, a_translation_of_size_0),
	TELLS(IGNORED, a_translation_that_wraps),
	TELLS(IGNORED, a_translation_to_the_kernel),
	TELLS(SURVIVED, a_translation_without_permission, .chains = 1),
	TELLS(IGNORED, a_message_of_another_type),
	TELLS(IGNORED, thousands_of_translations),
	TELLS(SURVIVED, translations_that_overlap),
	TELLS(SURVIVED, a_translation_of_everything, .repair = right_ring),
	TELLS(SURVIVED, everything_is_invalidated_again_and_again, .chains = 100),
	CHAIN(VMM, VHC_TX, ADDRESS, a_frame_in_memory_that_may_only_be_written, BEHIND),
	CHAIN(VMM, VHC_RX, ADDRESS, a_buffer_in_memory_that_may_only_be_read, BEHIND),
	CHAIN(VMM, VHC_TX, ADDRESS, a_table_in_memory_that_may_only_be_written, BEHIND),
	TELLS(IGNORED, nothing_is_answered, .repair = answers_again),
	TELLS(SURVIVED, thousands_of_questions, .repair = answers_again),
	TELLS(SURVIVED, a_ring_whose_translation_goes, .repair = answers_again),
	TELLS(SURVIVED, a_ring_that_may_not_be_accessed, .repair = right_ring),
	TELLS(SURVIVED, a_ring_cut_inside_of_a_page, .repair = right_ring),
};

const struct attacks iotlb_attacks = { list, ARRAY_SIZE(list) };
