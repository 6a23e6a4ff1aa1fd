# SPDX-License-Identifier: GPL-2.0
"""Live migration of a running guest from one QEMU to another on the same host, which has
vhost-net or the module: all four pairs, under a ping flood, iperf3, and streams whose bytes are
compared. What is received while memory is copied tells whether each page that the device wrote
was marked in the dirty log.

Called by qemu-test.py and, for many rounds, by tests/soak.
"""
import contextlib
import json
import re
import signal
import subprocess

from guest import RUN
from link import Tap
from scenario import CUSTOM, NET, claims
from traffic import (TRAFFIC_SECONDS, Iperf, Moved, Stream, file_to, need, ping_from,
                     ping_guest)

BRIDGE = 'br0'
MIGRATION_SECONDS = 180
# Each follows from the one before.
PAIRS = ((NET, NET), (NET, CUSTOM), (CUSTOM, CUSTOM), (CUSTOM, NET))


def name_of(pair):
    return ' to '.join(device.rsplit('/', maxsplit=1)[-1] for device in pair)


@contextlib.contextmanager
def ping_flood(guest):
    """The host pings as fast as it gets answers; none may be damaged, or come twice."""
    with subprocess.Popen(['ping', '-f', '-n', '-U', '-q', '-s', '1000', guest.address],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            output = process.communicate()[0]
    answers = re.search(r'(\d+) received', output)
    need(answers and int(answers[1]) > 0, 'ping flood: no answer:', output)
    need('wrong data' not in output and 'duplicates' not in output and 'errors' not in output,
         'ping flood:', output)


@contextlib.contextmanager
def iperf_of(guest, seconds):
    """iperf3 from the guest, across the migration: GUEST() is whoever runs the guest then."""
    with Iperf():
        guest().check(f'iperf3 -J -c {guest().host} -b 2M -t {seconds} > /tmp/iperf 2>&1 & '
                      'iperf=$!')
        yield
        status, _ = guest().run('wait $iperf', TRAFFIC_SECONDS)
        output = guest().check('cat /tmp/iperf')
    need(status == 0, 'iperf3:', output[-500:])
    need(json.loads(output)['end']['sum_received']['bytes'] > 0, 'iperf3:', output[-500:])


def move(source, target, uri):
    """Migrate; on return the target runs, and the source does not.

    Returns the digest of a file that the guest got while its memory was copied.
    """
    def has_not_failed():
        source.is_running()
        target.is_running()
        state = source.qmp.command('query-migrate')
        need(state.get('status') != 'failed', 'migration:', state)

    source.qmp.command('migrate-set-capabilities',
                       capabilities=[{'capability': 'events', 'state': True}])
    # Slow, so that it lasts longer than the file's transfer.
    source.qmp.command('migrate-set-parameters', **{'max-bandwidth': 2 << 20,
                                                    'downtime-limit': 2000})
    source.qmp.command('migrate', uri=uri)
    digest = file_to(source, 1, '/tmp/during')
    need(source.qmp.command('query-migrate')['status'] == 'active',
         'the migration was over before the file was there')
    source.qmp.command('migrate-set-parameters', **{'max-bandwidth': 1 << 34})
    source.qmp.wait('MIGRATION', MIGRATION_SECONDS, has_not_failed, status='completed')
    target.qmp.wait('RESUME', MIGRATION_SECONDS, target.is_running)
    target.booted = True
    return digest


def one(run, source, device, number, stream):
    """Migrate the guest to a QEMU on DEVICE under load, and check all that it holds."""
    uri = f'unix:{RUN}/migration-{number}'
    target = run.add(device, 1, bridge=BRIDGE, link=Tap(10 + number, BRIDGE), incoming=uri)
    now = source
    before = file_to(source, 1)
    with iperf_of(lambda: now, 10), ping_flood(source):
        stream.await_echo()
        during = move(source, target, uri)
        now = target
        stream.await_echo()
    run.drop(source)
    for path, digest in (('in', before), ('during', during)):
        need(target.check(f'sha256sum < /tmp/{path}').split()[0] == digest,
             f'/tmp/{path} is another one after the migration')
    moved = Moved(target)
    ping_guest(target)
    ping_from(target, target.host, 4000)
    stream.await_echo()
    moved.check()
    return target


@claims(*map(name_of, PAIRS))
def migration(run):
    run.bridge(BRIDGE, '10.99.0.1/24')
    guest = run.guest(PAIRS[0][0], 1, bridge=BRIDGE, link=Tap(10, BRIDGE))
    stream = Stream(guest)
    for number, pair in enumerate(PAIRS, start=1):
        guest = one(run, guest, pair[1], number, stream)
        run.claim(name_of(pair))
    stream.finish()
