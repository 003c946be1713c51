#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Goal:   the unit of `weir run` is one that systemd takes, hardened, with limits, whose command and
#         exit codes are those of the weir command.
# Method: a reader of its own for the form, known keys and kinds of values; what it says of exit
#         codes against the table of tools/weir/args.h. Where systemd is: `systemd-analyze verify`
#         and `security`, on a copy that starts this build's weir. Faults that are planted in a copy
#         have to be found. Prints TAP.
# usage: check_unit.py UNIT WEIR ROOT
import os
import re
import shutil
import subprocess
import sys
import tempfile

unit_path, weir, root = sys.argv[1:4]

YES_NO = r'yes|no|true|false'
TIME = r'(\d+(us|ms|s|min|h)?)( \d+(us|ms|s|min|h))*'
SIZE = r'\d+[KMGT]?|infinity'
NAMES = r'~?[A-Za-z_@][\w@ -]*'
PATH = r'/[\w./%@-]*'
KINDS = {
    'Unit': {
        'Description': r'.+', 'Documentation': r'((man|https?|file):\S+ ?)+',
        'After': r'[\w.@-]+( [\w.@-]+)*', 'RequiresMountsFor': PATH, 'ConditionPathExists': PATH,
        'StartLimitIntervalSec': TIME, 'StartLimitBurst': r'\d+',
    },
    'Service': {
        'Type': r'notify', 'NotifyAccess': r'main', 'ExecStart': PATH + r'( \S+)*',
        'ExecReload': PATH + r'( \S+)*', 'WatchdogSec': TIME, 'TimeoutStartSec': TIME,
        'TimeoutStopSec': TIME, 'KillMode': r'mixed|control-group|process', 'Restart': r'on-failure',
        'RestartSec': TIME, 'RestartPreventExitStatus': r'\d+( \d+)*',
        'SuccessExitStatus': r'\d+( \d+)*', 'DynamicUser': YES_NO, 'StateDirectory': r'weir/%i',
        'StateDirectoryMode': r'0700', 'WorkingDirectory': r'/var/lib/weir/%i',
        'UMask': r'0[0-7]{3}', 'LimitMEMLOCK': SIZE, 'LimitNOFILE': SIZE, 'LimitRTPRIO': r'\d+',
        'TasksMax': r'\d+', 'OOMScoreAdjust': r'-?\d+', 'CapabilityBoundingSet': r'',
        'AmbientCapabilities': r'', 'ProtectSystem': r'strict', 'ProtectProc': r'invisible',
        'RestrictAddressFamilies': r'AF_\w+( AF_\w+)*', 'SystemCallArchitectures': r'native',
        'SystemCallFilter': NAMES, 'SystemCallErrorNumber': r'E[A-Z]+',
    },
    'Install': {'WantedBy': r'multi-user\.target'},
}
for key in ('NoNewPrivileges ProtectHome ProtectClock ProtectControlGroups ProtectHostname '
            'ProtectKernelLogs ProtectKernelModules ProtectKernelTunables PrivateDevices PrivateTmp '
            'LockPersonality MemoryDenyWriteExecute RemoveIPC RestrictNamespaces RestrictRealtime '
            'RestrictSUIDSGID').split():
    KINDS['Service'][key] = r'yes'
# What a unit without would not be this one.
NEEDED = ('Type NotifyAccess ExecStart WatchdogSec Restart RestartPreventExitStatus '
          'LimitMEMLOCK LimitNOFILE TasksMax NoNewPrivileges ProtectSystem SystemCallFilter '
          'StateDirectory WorkingDirectory TimeoutStopSec').split()
SYSTEM_CALLS = ('io_uring_setup', 'io_uring_enter', 'io_uring_register', 'membarrier')


def faults_of(text, codes):
    """What is wrong, a line each."""
    faults, seen, section = [], {}, None
    for number, line in enumerate(text.split('\n'), 1):
        if not line or line[0] in '#;':
            continue
        head = re.fullmatch(r'\[(\w+)\]', line)
        if head:
            section = head[1]
            if section not in KINDS:
                faults.append(f'{number}: no section {section}')
            continue
        key, equals, value = line.partition('=')
        kinds = KINDS.get(section, {})
        if not equals or key not in kinds:
            faults.append(f'{number}: {key} is no key of [{section}]')
        elif not re.fullmatch(kinds[key], value):
            faults.append(f'{number}: {key}: {value!r}')
        elif key in seen and key != 'SystemCallFilter':
            faults.append(f'{number}: {key} twice')
        seen.setdefault(key, []).append(value)
    faults += [f'{key} is missing' for key in NEEDED if key not in seen]
    allowed = ' '.join(v for v in seen.get('SystemCallFilter', []) if v[0] != '~').split()
    faults += [f'{call} is not allowed' for call in SYSTEM_CALLS if call not in allowed]
    for key in ('RestartPreventExitStatus', 'SuccessExitStatus'):
        named = ' '.join(seen.get(key, [])).split()
        faults += [f'{key}: weir has no exit code {c}' for c in named if c not in codes]
    return faults


def say(good, what, detail=''):
    say.count += 1
    say.failed += not good
    print(f'{"ok" if good else "not ok"} {say.count} - {what}')
    for line in detail.split('\n') if detail and not good else []:
        print('# ' + line)


say.count = say.failed = 0


def tell_skip(what, why):
    say.count += 1
    print(f'ok {say.count} - {what} # SKIP {why}')


with open(unit_path) as f:
    unit = f.read()
with open(os.path.join(root, 'tools/weir/args.h')) as f:
    exit_codes = set(re.findall(r'CLI_EXIT_\w+ = (\d+),', f.read()))
found = faults_of(unit, exit_codes)
say(not found, 'the form, the keys and the values are in order', '\n'.join(found))
for before, after, told in (
        ('NoNewPrivileges=yes\n', '', 'NoNewPrivileges is missing'),
        ('io_uring_setup ', '', 'io_uring_setup is not allowed'),
        ('WatchdogSec=30s', 'WatchdogSec=30 parsecs', 'WatchdogSec'),
        ('LimitNOFILE', 'LimitNOFILES', 'LimitNOFILES is no key'),
        ('ExitStatus=2 3', 'ExitStatus=2 99', 'no exit code 99'),
        ('[Service]', '[Servce]', 'no section Servce')):
    found = faults_of(unit.replace(before, after), exit_codes)
    say(before in unit and any(told in fault for fault in found),
        f'it would be noticed: {told}', '\n'.join(found))
command = re.search(r'^ExecStart=(\S+) run (.*) \S+$', unit, re.M)
usage = subprocess.run([weir, 'run', '--help'], capture_output=True, text=True).stdout
say(command is not None and all(o in usage for o in command[2].split()),
    'its command has options that `weir run` has', usage)

if shutil.which('systemd-analyze') is None:
    tell_skip('systemd-analyze verify', 'no systemd')
    tell_skip('systemd-analyze security', 'no systemd')
else:
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, 'weir-run@orders.service')
        with open(copy, 'w') as f:
            f.write(unit.replace(command[1], os.path.abspath(weir)))
        run = subprocess.run(['systemd-analyze', 'verify', '--man=no', copy],
                             capture_output=True, text=True)
        told = [line for line in run.stderr.split('\n') if 'weir-run@orders' in line]
        say(run.returncode == 0 and not told, 'systemd-analyze verify has nothing to say',
            run.stdout + run.stderr)
        run = subprocess.run(['systemd-analyze', 'security', '--offline=yes', '--no-pager',
                              '--threshold=30', copy], capture_output=True, text=True)
        say(run.returncode == 0, 'systemd-analyze security: exposure below 3.0',
            run.stdout + run.stderr)
print(f'1..{say.count}')
sys.exit(1 if say.failed else 0)
