#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Goal:   /metrics keeps to OpenMetrics and to Prometheus' older format, /live is JSON that the page
#         can draw, the page asks nobody else, what cannot be read is left out, and said of a whole
#         folder; a dead pipeline is told, and takes no place from one that runs; and the dashboard
#         and the alert rules of docs/ are what the tables say.
# Method: a server with a pipeline of its own; its answers are read by a strict reader of the format.
#         Then files of metrics that are damaged, and the process killed.
#         usage: check_metrics.py WEIR --plain|--sanitized
import errno
import json
import os
import random
import re
import signal
import subprocess
import sys

from serve_bed import Folder, Server, Tap, same, TIMEOUT_S

weir = sys.argv[1]
root = os.environ.get('WEIR_TEST_SOURCE', '.')
OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
NAME = r'[a-zA-Z_:][a-zA-Z0-9_:]*'
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf'^({NAME})(?:\{{({LABEL}(?:,{LABEL})*)?\}})? (\S+)$')


def read_exposition(text, is_open):
    """{(sample, labels): value}; anything against the format is an assertion that fails."""
    lines = text.split('\n')
    same(lines.pop(), '')
    if is_open:
        same(lines.pop(), '# EOF')
    family, kind, seen, values = None, None, set(), {}
    for line in lines:
        if line.startswith('# '):
            word, name, rest = line[2:].split(' ', 2)
            if word == 'TYPE':
                assert name not in seen, f'{name} comes twice'
                seen.add(name)
                family, kind = name, rest
                assert kind in ('counter', 'gauge', 'histogram'), line
                assert is_open or kind != 'counter' or name.endswith('_total'), line
            else:
                assert word in ('HELP', 'UNIT') and name == family, line
                assert word != 'UNIT' or (is_open and name.endswith('_' + rest)), line
            continue
        match = SAMPLE.match(line)
        assert match, line
        sample, labels, value = match.groups()
        suffixes = {'counter': ['_total'] if is_open else [''], 'gauge': [''],
                    'histogram': ['_bucket', '_sum', '_count']}[kind]
        assert sample in [family + s for s in suffixes], f'{line} in {family}'
        assert (sample, labels) not in values, f'{line} comes twice'
        values[sample, labels] = float(value)
    check_histograms(values)
    return values


def check_histograms(values):
    buckets = {}
    for (sample, labels), value in values.items():
        if sample.endswith('_bucket'):
            rest, le = re.match(r'(.*),le="(.*)"$', labels).groups()
            buckets.setdefault((sample[:-7], rest), []).append((float(le), value))
    for (name, labels), rows in buckets.items():
        same(rows, sorted(rows))
        same([n for _, n in rows], sorted(n for _, n in rows))
        same(rows[-1], (float('inf'), values[name + '_count', labels]))


def metrics(server, accept=None):
    status, headers, body = server.ask('GET', '/metrics', headers={'Accept': accept})
    same(status, 200)
    return headers['content-type'], body.decode()


def exposition(folder):
    """/metrics is text that a strict reader takes, in both formats, with the values of the log"""
    server = Server(weir, '--journal', folder + '/j', '--create', '--writable', '--metrics',
                    folder + '/m')
    for number in range(3):
        same(server.ask('POST', f'/subjects/s{number}/versions', {'schema': '"int"'})[0], 200)
    kind, text = metrics(server)
    same(kind, 'text/plain; version=0.0.4; charset=utf-8')
    values = read_exposition(text, False)
    same(values['weir_pipeline_state', 'pipeline="weir",state="running"'], 1)
    same(values['weir_failed', 'pipeline="weir"'], 0)
    assert values['weir_memory_bytes', 'pipeline="weir"'] > 0
    kind, text = metrics(server, OPENMETRICS + ',text/plain;q=0.5')
    same(kind, OPENMETRICS)
    values = read_exposition(text, True)
    assert ('weir_records_total', 'pipeline="weir"') in values
    same(server.ask('GET', '/metrics', headers={'Authorization': None})[0], 401)
    same(server.ask('HEAD', '/metrics')[2], b'')
    kinds = set()
    while 'thread' not in kinds:  # told in its first rounds
        status, _, live = server.ask('GET', '/live')
        same((status, [p['name'] for p in live['pipelines']]), (200, ['weir']))
        kinds = {o['kind'] for o in live['pipelines'][0]['objects']}
    assert 'pipeline' in kinds, kinds
    assert all(a['metric'].startswith('weir_') and a['summary'] for a in live['alerts'])
    same(server.stop(), (0, ''))


def page(folder):
    """the page needs no token, has no data in it and nothing that it would ask of others"""
    server = Server(weir, '--metrics', folder + '/m')
    status, headers, body = server.ask('GET', '/', headers={'Accept': 'text/html,*/*',
                                                            'Authorization': None})
    same((status, headers['content-type']), (200, 'text/html; charset=utf-8'))
    policy = headers['content-security-policy']
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy, policy
    text = body.decode()
    outside = set(re.findall(r'''(?:https?:)?//[\w.-]+\.\w+[\w./-]*''', text))
    same(outside, {'http://www.w3.org/2000/svg'})  # a name, not an address that is asked
    assert 'innerHTML' not in text and 'eval(' not in text
    same(server.stop(), (0, ''))


def damaged(folder):
    """files that are no metrics, or damaged ones, are left out and harm nobody"""
    real = os.listdir(folder + '/m')
    same(real, [])  # a close removes its own
    owner = Server(weir, '--journal', folder + '/j', '--metrics', folder + '/m')
    source, = os.listdir(folder + '/m')
    with open(f'{folder}/m/{source}', 'rb') as f:
        whole = f.read()
    draw = random.Random(5)
    for number in range(12):
        data = bytearray(whole[:draw.choice([0, 7, 64, 4096, len(whole) // 2, len(whole)])])
        for _ in range(draw.choice([0, 3, 300]) if data else 0):
            data[draw.randrange(min(len(data), 8192))] = draw.randrange(256)
        with open(f'{folder}/m/weir.{number + 1}', 'wb') as f:
            f.write(data)
    os.symlink('/etc/passwd', f'{folder}/m/link.1')
    for name in ('weir.77', 'weir.77-2'):  # one name, one process
        with open(f'{folder}/m/{name}', 'wb') as f:
            f.write(whole)
    server = Server(weir, '--metrics', folder + '/m')
    for accept in (None, OPENMETRICS):
        read_exposition(metrics(server, accept)[1], accept is not None)
    same(server.ask('GET', '/live')[0], 200)
    values = read_exposition(metrics(server)[1], False)
    states = {labels.split('"')[1] for name, labels in values if name == 'weir_pipeline_state'}
    assert {'weir (77)', 'weir (77-2)'} <= states, states
    for name in [f'weir.{number + 1}' for number in range(12)] + ['weir.77', 'weir.77-2']:
        os.unlink(f'{folder}/m/{name}')
    owner.process.send_signal(signal.SIGKILL)
    owner.process.communicate(timeout=TIMEOUT_S)
    values = read_exposition(metrics(server)[1], False)
    while not values.get(('weir_pipeline_state', 'pipeline="weir",state="dead"')):
        values = read_exposition(metrics(server)[1], False)
    assert ('weir_records_total', 'pipeline="weir"') not in values  # of the dead only that is told
    # Begun again with the same number, as in a container: another file at its path; and bytes in it
    # that are no UTF-8 (the journal's directory), for which Prometheus refuses all of an answer.
    again = bytearray(whole)
    again[256:261], again[328:331] = b'shop\0', b'/\xff\0'
    with open(f'{folder}/m/again', 'wb') as f:
        f.write(again)
    os.rename(f'{folder}/m/again', f'{folder}/m/{source}')
    while ('weir_pipeline_state', 'pipeline="shop",state="dead"') not in values:
        values = read_exposition(metrics(server)[1], False)
    same(server.stop(), (0, ''))


def crowded(folder):
    """what processes left that died takes no place from a pipeline that runs"""
    dead = Server(weir, '--journal', folder + '/dead', '--create', '--metrics', folder + '/left')
    dead.process.send_signal(signal.SIGKILL)
    dead.process.communicate(timeout=TIMEOUT_S)
    source, = os.listdir(folder + '/left')
    for number in range(70):  # more than are shown, and before the one that runs by their names
        os.link(f'{folder}/left/{source}', f'{folder}/left/weir.0-{number}')
    server = Server(weir, '--metrics', folder + '/left')
    values = read_exposition(metrics(server)[1], False)
    shown = {labels for name, labels in values if name == 'weir_pipeline_state'}
    assert not any('state="running"' in s and values['weir_pipeline_state', s] for s in shown)
    Server(weir, '--journal', folder + '/lives', '--create', '--metrics', folder + '/left')
    lives, = set(os.listdir(folder + '/left')) - {source} - {f'weir.0-{n}' for n in range(70)}
    label = f'pipeline="weir ({lives[5:]})",state="running"'
    values = read_exposition(metrics(server)[1], False)
    same(values.get(('weir_pipeline_state', label)), 1)
    same(server.ask('GET', '/live')[2]['left_out'], 8)
    same(server.stop(), (0, ''))


def nowhere(folder):
    """a folder of metrics that is not there is said, on the page too, and shown when it comes"""
    late = folder + '/late'
    server = Server(weir, '--metrics', late, lines=('--log-level', 'warning', '--log-format', 'json'))
    live = server.ask('GET', '/live')[2]
    same((live['pipelines'], live['metrics_dir']), ([], late))
    same(live['metrics_trouble'].lower(), os.strerror(errno.ENOENT).lower())
    same(server.ask('GET', '/metrics')[0], 200)
    same(server.ask('GET', '/ready')[0], 200)
    owner = Server(weir, '--journal', folder + '/j', '--create', '--metrics', late)
    while not (live := server.ask('GET', '/live')[2])['pipelines']:
        pass
    same(live['metrics_trouble'], '')
    same(owner.stop(), (0, ''))
    code, said = server.stop()
    said = [json.loads(one) for one in said.splitlines()]
    same((code, [one['fields']['dir'] for one in said if one['event'] == 'serve.no_metrics']), (0, [late]))
    # What cannot be read: no folder at all, for who may read everything, too.
    open(folder + '/file', 'w').close()
    server = Server(weir, '--metrics', folder + '/file', lines=('--log-level', 'warning'))
    same(server.ask('GET', '/live')[2]['metrics_trouble'].lower(), os.strerror(errno.ENOTDIR).lower())
    code, said = server.stop()
    same((code, said.lower().count(f'{folder}/file: {os.strerror(errno.ENOTDIR)}'.lower())), (0, 1))


def generated(_):
    """docs/grafana and docs/prometheus are what weir prints, and speak of metrics that there are"""
    with open(f'{root}/docs/reference/metrics.md') as f:
        known = set(re.findall(r'^\| `(weir_\w+)` \|', f.read(), re.M))
    assert len(known) > 30
    known |= {'weir_pipeline_state', 'weir_errors'}
    for what, path in (('dashboard', 'docs/grafana/weir.json'),
                       ('alerts', 'docs/prometheus/weir-alerts.yml')):
        text = subprocess.run([weir, 'serve', '--print', what], check=True, capture_output=True,
                              text=True, timeout=TIMEOUT_S).stdout
        with open(f'{root}/{path}') as f:
            if f.read() != text:
                raise AssertionError(f'make it anew: weir serve --print {what} > {path}')
        for line in text.split('\n'):
            if '"expr"' not in line and 'expr:' not in line:
                continue
            for name in re.findall(r'weir_\w+', line):
                assert re.sub('_(total|bucket)$', '', name) in known, line
    board = json.loads(subprocess.run([weir, 'serve', '--print', 'dashboard'], check=True,
                                      capture_output=True, timeout=TIMEOUT_S).stdout)
    ids = [p['id'] for p in board['panels']]
    same(len(ids), len(set(ids)))
    shown = json.dumps(board)
    assert all(name in shown for name in known)


with Folder() as path:
    tap = Tap()
    for case in (exposition, page, damaged, crowded, nowhere, generated):
        tap.run(case, path)
    tap.end()
