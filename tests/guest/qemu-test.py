#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What QEMU can do with a NIC beside carrying its frames: queues, polling, an IOMMU, hot-plug,
machines without PCI, large frames, tunnels, macvtap, live migration. All on the module, with the guest's own driver.

Runs in a host of tests/vm, by tests/in-host, and prints TAP. Names of scenarios on its command
line choose some.
"""
import sys
import time

from guest import ETH0_UP, other_rings, split_rings_here
from link import Macvtap, Tap, ip, tun_has_tunnels
from migration import migration, migration_of_ours
from scenario import CUSTOM, Suite, claims, with_ring
from traffic import (Moved, Stream, Wrong, file_from, file_to, indices_agree, large_segments,
                     need, ping_from, ping_guest, pings)
from wire import PATIENCE

PAIRS = 4
PAIR_SECONDS = 20 * PATIENCE
HOTPLUG_SECONDS = 60 * PATIENCE


def both_ways(guest, megabytes=2):
    """Pings and files, which the module has to count."""
    moved = Moved(guest)
    pings(guest)
    file_from(guest, megabytes)
    file_to(guest, megabytes)
    return moved.check()


@claims('each pair carries what its CPU sends', 'pairs come and go under TCP',
        'one pair carries all when it is alone', 'pings and files')
def multiqueue(run):
    guest = run.guest(CUSTOM, queues=PAIRS, options='mq=on')
    guest.check(f'ethtool -L eth0 combined {PAIRS}')
    # A ping that waits for the host's MAC address is sent by whichever CPU gets the answer to ARP.
    # The first one of a CPU is answered through the pair of the CPU before: the tap answers it, and
    # then notes where it came from.
    ping_from(guest, guest.host)
    for cpu in range(PAIRS):
        before, end = guest.pair_counters(cpu), time.monotonic() + PAIR_SECONDS
        while True:
            guest.check(f'taskset {1 << cpu:x} ping -q -c 3 -i 0.01 -W 10 {guest.host}')
            after = guest.pair_counters(cpu)
            if all(after[name] > before[name] for name in ('rx_packets', 'tx_packets')):
                break
            need(time.monotonic() < end, f'pair {cpu}:', before, after)
    run.claim('each pair carries what its CPU sends')
    stream = Stream(guest)
    for count in (1, 3, 2, 4, 1, 2, 4, 1):
        guest.check(f'ethtool -L eth0 combined {count}')
        ping_guest(guest)
    stream.finish()
    run.claim('pairs come and go under TCP')
    before = [guest.pair_counters(pair) for pair in range(1, PAIRS)]
    moved = Moved(guest)
    pings(guest)
    moved.check()
    need(before == [guest.pair_counters(pair) for pair in range(1, PAIRS)],
         'a pair that is off moved frames')
    run.claim('one pair carries all when it is alone')
    guest.check(f'ethtool -L eth0 combined {PAIRS}')
    both_ways(guest)
    run.claim('pings and files')


@claims('pings and files')
def polling(run):
    """QEMU asks for busy polling; it gives the device up if it is refused."""
    guest = run.guest(CUSTOM, netdev='poll-us=50')
    both_ways(guest)
    indices_agree(guest)
    run.claim('pings and files')


@claims('the guest has the MTU', 'frames of 9014 bytes, not fragmented', 'pings and files')
def mtu_9000(run):
    guest = run.guest(CUSTOM, link=Tap(1, mtu=9000), options='host_mtu=9000')
    need(guest.check('cat /sys/class/net/eth0/mtu').strip() == '9000', 'another MTU')
    run.claim('the guest has the MTU')
    moved = Moved(guest)
    ping_from(guest, guest.host, 8972, '-A -c 20')
    module = moved.check()
    for way in ('tx', 'rx'):
        need(module[f'{way}_bytes'] >= 20 * 9014 and module[f'{way}_packets'] < 30, module)
    run.claim('frames of 9014 bytes, not fragmented')
    both_ways(guest)
    run.claim('pings and files')


VXLAN = 'vxlan0 type vxlan id 7 remote {} dstport 4789 dev {}'
TUNNEL_GSO = 67


@claims('pings and files', 'segmentation is left to the host where it can do that')
def udp_tunnel(run):
    """A guest's VXLAN to the host."""
    guest = run.guest(CUSTOM)
    features = guest.check('cat /sys/class/net/eth0/device/features').strip()
    offloads = features[TUNNEL_GSO:TUNNEL_GSO + 1] == '1'
    guest.check(f'/bin/ip link add {VXLAN.format(guest.host, "eth0")}; '
                '/bin/ip addr add 10.98.0.2/24 dev vxlan0; /bin/ip link set vxlan0 up')
    ip(f'link add {VXLAN.format(guest.address, guest.link.name)}')
    run.remove_at_end('vxlan0')
    ip('addr add 10.98.0.1/24 dev vxlan0')
    ip('link set vxlan0 up')
    guest.address, guest.host = '10.98.0.2', '10.98.0.1'
    both_ways(guest, 1)
    run.claim('pings and files')
    for way, transfer in (('tx', file_from), ('rx', file_to)):
        moved = Moved(guest)
        with large_segments(guest):
            transfer(guest, 4)
        module = moved.check()
        mean = module[f'{way}_bytes'] / module[f'{way}_packets']
        need((mean > 2 * 1500) == offloads, f'{mean:.0f} bytes a frame; offloads: {offloads}')
    need(offloads == tun_has_tunnels(), 'offloads:', offloads)
    run.claim('segmentation is left to the host where it can do that')


@claims('pings and files')
def macvtap(run):
    guest = run.guest(CUSTOM, link=Macvtap(1))
    both_ways(guest)
    indices_agree(guest)
    run.claim('pings and files')


@claims('boots', 'pings and files')
def microvm(run):
    """A machine without PCI: virtio-mmio, whose notifications are other ones."""
    guest = run.guest(CUSTOM, model='virtio-net-device', machine='-M microvm,isa-serial=on')
    run.claim('boots')
    both_ways(guest)
    indices_agree(guest)
    run.claim('pings and files')


@claims('the NIC is behind an IOMMU', 'pings and files', 'after a reset')
def viommu(run):
    """The guest's driver maps each buffer, and unmaps it: QEMU is asked for translations."""
    guest = run.guest(CUSTOM, options='disable-legacy=on,iommu_platform=on,ats=on',
                      machine='-M q35,kernel-irqchip=split '
                              '-device intel-iommu,intremap=on,device-iotlb=on',
                      append='intel_iommu=on iommu.strict=1 iommu.passthrough=0')
    need(guest.check('cat /sys/class/net/eth0/device/features')[33] == '1',
         'the guest did not take ACCESS_PLATFORM')
    domain = guest.check('cat /sys/class/net/eth0/device/../iommu_group/type').strip()
    need(domain.startswith('DMA'), 'the IOMMU does not translate:', domain)
    run.claim('the NIC is behind an IOMMU')
    both_ways(guest, 1)
    run.claim('pings and files')
    guest.reset()
    both_ways(guest, 1)
    run.claim('after a reset')


@claims('memory comes while TCP runs', 'the rings use it', 'pings and files')
def memory_hotplug(run):
    guest = run.guest(CUSTOM, machine='-m 256M,slots=2,maxmem=2G')
    stream = Stream(guest)
    guest.qmp.command('object-add', **{'qom-type': 'memory-backend-ram', 'id': 'more',
                                       'size': 256 << 20})
    guest.qmp.command('device_add', driver='pc-dimm', id='dimm', memdev='more')
    # Above 4 GiB, and the kernel takes memory from there first.
    guest.check('for block in /sys/devices/system/memory/memory*; do '
                '[ $(cat $block/state) = online ] || echo online_kernel > $block/state; done; '
                'until [ $(awk "/MemTotal/ { print \\$2 }" /proc/meminfo) -gt 400000 ]; do '
                'for block in /sys/devices/system/memory/memory*; do '
                '[ $(cat $block/state) = online ] || echo online_kernel > $block/state; '
                'done; done', HOTPLUG_SECONDS)
    stream.finish()
    run.claim('memory comes while TCP runs')
    both_ways(guest, 4)
    high = 0
    for queue in range(2):
        status = guest.ring_status(queue)
        words = guest.memory(status['vring-desc'], 2 * status['vring-num'], 8)
        high += sum(address >= 4 << 30 for address in words[::2])
    need(high, 'no descriptor points to the new memory')
    run.claim('the rings use it')
    both_ways(guest)
    run.claim('pings and files')


@claims('it goes while the guest sends and receives', 'nothing moves without it',
        'another one comes, on the same device', 'pings and files')
def nic_hotplug(run):
    guest = run.guest(CUSTOM)
    stream = Stream(guest)
    guest.qmp.command('device_del', id='nic')
    guest.qmp.wait('DEVICE_DELETED', HOTPLUG_SECONDS, guest.is_alive, device='nic')
    stream.abandon()
    run.claim('it goes while the guest sends and receives')
    before = guest.counters()
    try:
        ping_guest(guest, count=1, seconds=2)
        raise RuntimeError('somebody answered without a NIC')
    except Wrong:
        need(guest.counters() == before, 'counters moved:', before, guest.counters())
    run.claim('nothing moves without it')
    guest.monitor(f'device_add {guest.nic()}')
    guest.check('until [ -e /sys/class/net/eth0 ]; do :; done; '
                f'ip addr add {guest.address}/24 dev eth0; {ETH0_UP}', HOTPLUG_SECONDS)
    ping_guest(guest)
    run.claim('another one comes, on the same device')
    both_ways(guest)
    run.claim('pings and files')


def main():
    with_any_ring = [multiqueue, polling, mtu_9000, udp_tunnel, macvtap, viommu, memory_hotplug,
                     nic_hotplug]
    ring = other_rings()[0]
    split = [*with_any_ring, microvm, migration]
    other = [with_ring(ring, scenario) for scenario in [*with_any_ring, migration_of_ours]]
    # A host has split rings in all of its guests, or others, so that all hosts together have all. Who
    # names scenarios has the choice.
    scenarios = split if split_rings_here() else [*other, microvm]
    suite = Suite([*split, *other] if sys.argv[1:] else scenarios)
    return 0 if suite.run() else 1


if __name__ == '__main__':
    sys.exit(main())
