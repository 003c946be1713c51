#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Goal:   a run whose config has `serve` answers over HTTP while it runs: its metrics with what it
#         publishes, the page, readiness, and the registry of its own log, which the next run still
#         has; a reload takes another token; it ends as one without; and what cannot listen does not
#         run.
# Method: `weir run` with a source that never ends, asked as any client asks.
#         usage: check_run.py WEIR --plain|--sanitized
import os
import re
import signal
import subprocess
import sys
import time

from serve_bed import Folder, Server, Tap, ask_socket, same, TIMEOUT_S

weir = sys.argv[1]
TOKENS = ('a-token-of-this-test', 'another-token-of-it')


class Run(Server):
    """A running `weir run` that serves on a port that is free."""

    def __init__(self, folder, serve, more=''):
        self.token = TOKENS[0]
        self.path = folder + '/c.yaml'
        config(self.path, folder, serve, more)
        # Without a terminal SIGHUP is a reload.
        self.process = subprocess.Popen([weir, 'run', self.path], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.said = ''
        self.port = int(self.await_line(r'listening on http://127\.0\.0\.1:(\d+)')[1])

    def await_line(self, pattern):
        while line := self.process.stderr.readline():
            self.said += line
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f'no {pattern} in {self.said!r}')


def config(path, folder, serve, more):
    with open(path, 'w') as f:
        f.write(f'name: run\njournal: {{dir: {folder}/j, segment: 16MiB}}\n'
                'topics: [{name: t, partitions: 2}]\n'
                'sources: [{name: s, topic: t, from: {generate: {}}, rate: 500/s}]\n'
                'subscriptions: [{name: o, topics: [t], sink: null}]\n'
                f'serve: {serve}\n{more}')


def put_text(path, text):
    with open(path, 'w') as f:
        f.write(text)


def put_token(folder, token):
    with open(folder + '/token', 'w') as f:
        f.write(token + '\n')
    os.chmod(folder + '/token', 0o600)


def value_of(run, name):
    status, _, body = run.ask('GET', '/metrics')
    same(status, 200)
    found = re.search(rf'^{name}\{{[^}}]*\}} (\d+)', body.decode(), re.M)
    return int(found[1]) if found else -1


def await_true(what, is_true):
    end = time.monotonic() + TIMEOUT_S
    while not is_true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def all_of_it(folder):
    """a run shows its metrics and its page, and has a registry, as long as it runs"""
    put_token(folder, TOKENS[0])
    serve = f'{{listen: 127.0.0.1:0, token_file: {folder}/token, writable: yes}}'
    run = Run(folder, serve, 'limits: {schemas: 16}\n')
    same(run.ask('GET', '/metrics', headers={'Authorization': None})[0], 401)
    first = value_of(run, 'weir_topic_events_total')
    await_true('events, as they come', lambda: value_of(run, 'weir_topic_events_total') > first + 100)
    same([p['name'] for p in run.ask('GET', '/live')[2]['pipelines']], ['run'])
    page = run.ask('GET', '/', headers={'Accept': 'text/html', 'Authorization': None})
    same((page[0], b'<title>' in page[2]), (200, True))
    same(run.ask('GET', '/ready', headers={'Authorization': None})[0], 200)
    same(run.ask('POST', '/subjects/s/versions', {'schema': '"int"'})[::2], (200, {'id': 1}))
    # Another token: from a reload on that is taken.
    put_token(folder, TOKENS[1])
    with open(run.path) as f:
        good = f.read()
    put_text(run.path, good + 'cows: 1\n')
    run.process.send_signal(signal.SIGHUP)
    run.await_line('reload: 1 error; everything stays as it was')
    same(run.ask('GET', '/subjects')[0], 200)
    put_text(run.path, good)
    run.process.send_signal(signal.SIGHUP)
    run.await_line('/token has another token: it is in force')
    run.await_line('reload: 1 taken over')
    same(run.ask('GET', '/subjects')[0], 401)
    run.token = TOKENS[1]
    same(run.ask('GET', '/subjects')[::2], (200, ['s']))
    put_token(folder, 'x')
    run.process.send_signal(signal.SIGHUP)
    run.await_line('the one before stays')
    same(run.ask('GET', '/subjects')[0], 200)
    code, said = run.stop()
    same(code, 0)
    assert 'delivered' in said, said
    put_token(folder, TOKENS[0])
    run = Run(folder, serve, 'limits: {schemas: 16}\n')
    status, _, body = run.ask('GET', '/schemas/ids/1')
    same((status, body['schema']), (200, '"int"'))
    same(run.stop()[0], 0)


def read_only(folder):
    """nothing is changed without writable; without sources it stays, and serves"""
    run = Run(folder, '{listen: 127.0.0.1:0, no_token: yes}', 'limits: {schemas: 16}\n')
    run.token = None
    same(run.ask('POST', '/subjects/s/versions', {'schema': '"int"'})[2]['error_code'], 42205)
    same(run.stop()[0], 0)
    with open(run.path, 'w') as f:
        f.write('topics: [{name: t}]\nrun: {stay: yes}\n'
                f'serve: {{listen: "unix:{folder}/s"}}\n')
    alone = subprocess.Popen([weir, 'run', run.path], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    await_true('an answer by its socket', lambda: ask_socket(folder + '/s', '/health')[0] == 200)
    same(os.stat(folder + '/s').st_mode & 0o777, 0o600)
    await_true('it is ready', lambda: ask_socket(folder + '/s', '/ready')[0] == 200)
    same(alone.poll(), None)
    alone.terminate()
    same(alone.wait(TIMEOUT_S), 0)


def refused(folder):
    """who cannot listen, or has no token, does not run"""
    taken = Server(weir, '--metrics', folder + '/m')

    def run(serve):
        config(folder + '/c.yaml', folder, serve, '')
        done = subprocess.run([weir, 'run', folder + '/c.yaml'], capture_output=True, text=True,
                              timeout=TIMEOUT_S)
        return done.returncode, done.stderr

    code, said = run(f'{{listen: 127.0.0.1:{taken.port}, no_token: yes}}')
    same((code, f'127.0.0.1:{taken.port}' in said), (5, True))
    code, said = run('{listen: 127.0.0.1:0}')
    same((code, 'it needs a token' in said), (3, True))
    code, said = run(f'{{listen: 127.0.0.1:0, token_file: {folder}/none}}')
    same((code, '/none' in said), (4, True))
    code, said = run('{listen: 0.0.0.0:0, no_token: yes}')
    same((code, 'it needs a token' in said), (3, True))
    same(taken.stop()[0], 0)


tap = Tap()
for case in (all_of_it, read_only, refused):
    with Folder() as path:
        tap.run(case, path)
tap.end()
