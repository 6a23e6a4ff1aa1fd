// SPDX-License-Identifier: GPL-2.0
/*
 * An IOMMU before a device, as a VMM plays it: a thread answers the device's questions.
 *
 * Callers: port.c and the tests. What iommu.h says about addresses is made here.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "iommu.h"

/* The device writes or reads one of these, as VHOST_BACKEND_F_IOTLB_MSG_V2 says. */
union message {
	struct vhost_msg v1;
	struct vhost_msg_v2 v2;
};

static uint64_t mirrored(const struct vhc_iommu *iommu, uint64_t iova)
{
	uint64_t offset = iova - VHC_MEM_BASE;

	return iommu->size - VHC_IOMMU_PAGE - offset / VHC_IOMMU_PAGE * VHC_IOMMU_PAGE +
	       offset % VHC_IOMMU_PAGE;
}

/* Maps each page of guest memory once more. */
static void make_alias(struct vhc_iommu *iommu, const struct vhc_mem *mem)
{
	uint64_t iova;

	iommu->alias = mmap(NULL, iommu->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (iommu->alias == MAP_FAILED)
		vhc_fail("second mapping of guest memory: %s", strerror(errno));
	for (iova = VHC_MEM_BASE; iova < vhc_mem_end(mem); iova += VHC_IOMMU_PAGE) {
		/* An old size of 0 leaves the old mapping where it is. */
		void *page = mremap(vhc_mem_host(mem, iova), 0, VHC_IOMMU_PAGE,
				    MREMAP_MAYMOVE | MREMAP_FIXED,
				    iommu->alias + mirrored(iommu, iova));

		if (page == MAP_FAILED)
			vhc_fail("second mapping of guest memory: %s; is it larger than 200 MB?",
				 strerror(errno));
	}
}

/**
 * vhc_iommu_create() - put an IOMMU before a device
 * @iommu: filled.
 * @dev: the device; has negotiated VIRTIO_F_ACCESS_PLATFORM.
 * @mem: guest memory.
 * @capacity: translations that the device may have at a time.
 * @v2: version 2 of the messages was negotiated.
 */
void vhc_iommu_create(struct vhc_iommu *iommu, const struct vhc_dev *dev,
		      const struct vhc_mem *mem, unsigned int capacity, bool v2)
{
	memset(iommu, 0, sizeof(*iommu));
	iommu->dev = dev;
	iommu->size = mem->regions * mem->region_size;
	iommu->v2 = v2;
	iommu->capacity = capacity;
	iommu->mapped = calloc(capacity, sizeof(*iommu->mapped));
	if (!iommu->mapped)
		vhc_fail("out of memory");
	iommu->stop = eventfd(0, EFD_CLOEXEC);
	if (iommu->stop < 0)
		vhc_fail("eventfd: %s", strerror(errno));
	pthread_mutex_init(&iommu->lock, NULL);
	make_alias(iommu, mem);
}

/**
 * vhc_iommu_destroy() - undo vhc_iommu_create()
 * @iommu: the IOMMU; the device must be closed.
 */
void vhc_iommu_destroy(struct vhc_iommu *iommu)
{
	if (!iommu->alias)
		return;
	vhc_iommu_stop(iommu);
	munmap(iommu->alias, iommu->size);
	close(iommu->stop);
	free(iommu->mapped);
	pthread_mutex_destroy(&iommu->lock);
	memset(iommu, 0, sizeof(*iommu));
}

/**
 * vhc_iommu_table() - the argument of VHOST_SET_MEM_TABLE
 * @iommu: the IOMMU.
 *
 * Return: a table with guest memory as the device sees it; the caller frees it.
 */
struct vhost_memory *vhc_iommu_table(const struct vhc_iommu *iommu)
{
	struct vhost_memory *table;

	table = calloc(1, sizeof(*table) + sizeof(table->regions[0]));
	if (!table)
		vhc_fail("out of memory");
	table->nregions = 1;
	table->regions[0].guest_phys_addr = VHC_MEM_BASE;
	table->regions[0].memory_size = iommu->size;
	table->regions[0].userspace_addr = (uintptr_t)iommu->alias;
	return table;
}

/**
 * vhc_iommu_gpa() - the guest-physical address of an IO virtual one
 * @iommu: the IOMMU.
 * @iova: the address.
 *
 * Return: where the dirty log marks it.
 */
uint64_t vhc_iommu_gpa(const struct vhc_iommu *iommu, uint64_t iova)
{
	return VHC_MEM_BASE + mirrored(iommu, iova);
}

/**
 * vhc_iommu_send() - send the device a message
 * @iommu: the IOMMU.
 * @msg: VHOST_IOTLB_UPDATE or VHOST_IOTLB_INVALIDATE.
 */
void vhc_iommu_send(const struct vhc_iommu *iommu, const struct vhost_iotlb_msg *msg)
{
	union message message;

	memset(&message, 0, sizeof(message));
	if (iommu->v2) {
		message.v2.type = VHOST_IOTLB_MSG_V2;
		message.v2.iotlb = *msg;
	} else {
		message.v1.type = VHOST_IOTLB_MSG;
		message.v1.iotlb = *msg;
	}
	if (write(iommu->dev->fd, &message, sizeof(message)) != sizeof(message))
		vhc_fail("IOTLB message %u for %#llx to %s: %s", msg->type,
			 (unsigned long long)msg->iova, iommu->dev->path, strerror(errno));
}

static void invalidate(struct vhc_iommu *iommu, uint64_t iova)
{
	const struct vhost_iotlb_msg msg = {
		.type = VHOST_IOTLB_INVALIDATE,
		.iova = iova,
		.size = VHC_IOMMU_PAGE,
	};

	vhc_iommu_send(iommu, &msg);
	iommu->invalidations++;
}

static void map_page(struct vhc_iommu *iommu, uint64_t iova)
{
	const struct vhost_iotlb_msg msg = {
		.type = VHOST_IOTLB_UPDATE,
		.iova = iova,
		.size = VHC_IOMMU_PAGE,
		.uaddr = (uintptr_t)iommu->alias + mirrored(iommu, iova),
		.perm = VHOST_ACCESS_RW,
	};

	pthread_mutex_lock(&iommu->lock);
	if (iommu->count == iommu->capacity) {
		invalidate(iommu, iommu->mapped[iommu->first]);
		iommu->first = (iommu->first + 1) % iommu->capacity;
		iommu->count--;
	}
	iommu->mapped[(iommu->first + iommu->count++) % iommu->capacity] = iova;
	vhc_iommu_send(iommu, &msg);
	pthread_mutex_unlock(&iommu->lock);
}

/**
 * vhc_iommu_map() - give the device translations that it did not ask for
 * @iommu: the IOMMU.
 * @iova: the first address.
 * @len: bytes.
 */
void vhc_iommu_map(struct vhc_iommu *iommu, uint64_t iova, uint64_t len)
{
	uint64_t page = iova / VHC_IOMMU_PAGE * VHC_IOMMU_PAGE;

	for (; page < iova + len; page += VHC_IOMMU_PAGE)
		map_page(iommu, page);
}

/**
 * vhc_iommu_read_miss() - read a question of the device, without waiting
 * @iommu: the IOMMU. The device's file must not block.
 * @miss: filled.
 *
 * Return: true if there was one. Anything but a well-formed question ends the program.
 */
bool vhc_iommu_read_miss(const struct vhc_iommu *iommu, struct vhost_iotlb_msg *miss)
{
	union message message;
	uint32_t type;
	ssize_t len;

	memset(&message, 0xee, sizeof(message));
	len = read(iommu->dev->fd, &message, sizeof(message));
	if (len < 0 && errno == EAGAIN)
		return false;
	if (len != sizeof(message))
		vhc_fail("read of an IOTLB message from %s: %zd: %s", iommu->dev->path, len,
			 strerror(errno));
	type = iommu->v2 ? message.v2.type : (uint32_t)message.v1.type;
	*miss = iommu->v2 ? message.v2.iotlb : message.v1.iotlb;
	if (type != (iommu->v2 ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG) ||
	    miss->type != VHOST_IOTLB_MISS || miss->size || miss->uaddr ||
	    (iommu->v2 && message.v2.asid))
		vhc_fail("%s sent message %u with body %u, size %#llx, address %#llx",
			 iommu->dev->path, type, miss->type, (unsigned long long)miss->size,
			 (unsigned long long)miss->uaddr);
	return true;
}

static void *answer(void *opaque)
{
	struct vhc_iommu *iommu = opaque;
	struct pollfd fds[] = {
		{ .fd = iommu->dev->fd, .events = POLLIN },
		{ .fd = iommu->stop, .events = POLLIN },
	};
	struct vhost_iotlb_msg miss;

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			vhc_fail("poll of %s: %s", iommu->dev->path, strerror(errno));
		if (fds[1].revents)
			return NULL;
		while (vhc_iommu_read_miss(iommu, &miss)) {
			map_page(iommu, miss.iova / VHC_IOMMU_PAGE * VHC_IOMMU_PAGE);
			iommu->misses++;
		}
	}
}

/**
 * vhc_iommu_start() - answer from now on
 * @iommu: the IOMMU.
 */
void vhc_iommu_start(struct vhc_iommu *iommu)
{
	int error = pthread_create(&iommu->thread, NULL, answer, iommu);

	if (error)
		vhc_fail("a thread for the IOMMU: %s", strerror(error));
	iommu->running = true;
}

/**
 * vhc_iommu_stop() - answer no longer
 * @iommu: the IOMMU.
 */
void vhc_iommu_stop(struct vhc_iommu *iommu)
{
	eventfd_t count;

	if (!iommu->running)
		return;
	if (eventfd_write(iommu->stop, 1))
		vhc_fail("eventfd: %s", strerror(errno));
	pthread_join(iommu->thread, NULL);
	eventfd_read(iommu->stop, &count);
	iommu->running = false;
}
