#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Goal:   nothing that comes over HTTP stops `weir serve`, makes it grow or hang, or gets past the
#         token; and it ends at once, whoever is connected.
# Method: requests of every wrong kind against a server with small limits, and behind each of them a
#         plain request that has to be answered. Drawn bytes and drawn damage of good requests with
#         a fixed seed. usage: check_hostile.py WEIR --plain|--sanitized [ROUNDS]
import base64
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import time

from serve_bed import Folder, Server, Tap, ask_socket, read_all, same, TIMEOUT_S

weir = sys.argv[1]
sanitized = '--sanitized' in sys.argv  # it keeps what was freed
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 150
LIMITS = ('--connections', '8', '--body-max', '4KiB', '--request-time', '300ms')
GOOD = (b'POST /subjects/s/versions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
        b'Content-Length: 29\r\nConnection: close\r\n\r\n{"schema":"\\"string\\"","x":[]}')


def alive(server):
    same(server.ask('GET', '/health')[0], 200)


def tokens(folder):
    """a token is needed for all but /health, /ready and the page, whatever is wrong with it"""
    server = Server(weir, '--journal', folder + '/j', '--create')
    good = server.token
    basic = base64.b64encode(('weir:' + good).encode()).decode()
    for value in ('Bearer ' + good, 'bearer  ' + good, 'Basic ' + basic):
        same(server.ask('GET', '/subjects', headers={'Authorization': value})[0], 200)
    for value in (None, '', 'Bearer', 'Bearer ', 'Bearer ' + good[:-1], 'Bearer ' + good + 'x',
                  'Bearer x' + good, good, 'Basic ' + good, 'Basic ' + basic[:8], 'Basic ====',
                  'Bearer ' + 'x' * 4000, 'Digest ' + good):
        status, headers, body = server.ask('GET', '/subjects', headers={'Authorization': value})
        same((status, body['error_code'], headers['www-authenticate']),
             (401, 40101, 'Bearer realm="weir"'))
    for path in ('/nothing', '/subjects/%00', '/subjects?' + 'x' * 3000):
        same(server.ask('GET', path, headers={'Authorization': None})[0], 401)
    for path in ('/', '/health', '/ready'):
        same(server.ask('GET', path, headers={'Authorization': None})[0], 200)
    same(server.ask('GET', '/subjects', headers={'Origin': 'http://evil.example'})[0], 403)
    same(server.ask('GET', '/subjects', headers={'Origin': f'http://127.0.0.1:{server.port}'})[0],
         200)
    same(server.stop(), (0, ''))


def pages(folder):
    """without a token a page of another origin does not get in by a name of its own"""
    server = Server(weir, '--journal', folder + '/j', '--no-token')
    for host, status in (('evil.example', 403), ('127.0.0.1.evil.example', 403),
                         ('127.evil.example', 403), ('128.0.0.1', 403), ('127.0.0.2:9464', 200),
                         ('localhost', 200), ('LOCALHOST:9464', 200), ('[::1]:1', 200)):
        same(server.ask('GET', '/subjects', headers={'Host': host})[0], status)
    same(server.stop(signal.SIGINT), (0, ''))


def sizes(folder):
    """what is too large is refused by its size, and costs no memory"""
    server = Server(weir, '--journal', folder + '/j', '--no-token', '--writable', *LIMITS)
    before = server.memory_kib()
    same(server.ask('POST', '/subjects/s/versions', b'x' * 5000)[0], 413)
    same(server.ask('POST', '/subjects/s/versions', b'', {'Content-Length': '99999999999'})[0], 413)
    same(server.ask('POST', '/subjects/s/versions', b'{}', {'Content-Type': 'text/plain'})[0], 415)
    chunks = b''.join(b'400\r\n' + b'x' * 1024 + b'\r\n' for _ in range(8)) + b'0\r\n\r\n'
    same(server.ask('POST', '/subjects/s/versions', None,
                    {'Transfer-Encoding': 'chunked', 'Content-Type': 'application/json',
                     'X': 'y'})[0], 0)  # no chunk ever comes: the connection ends
    answer = server.raw(b'POST /subjects/s/versions HTTP/1.1\r\nHost: localhost\r\nContent-Type: '
                        b'application/json\r\nTransfer-Encoding: chunked\r\nConnection: close'
                        b'\r\n\r\n' + chunks)
    same(answer.split(b' ')[1], b'413')
    same(server.ask('GET', '/subjects?' + 'x' * 2000)[0], 414)
    same(server.ask('GET', '/subjects?' + '&'.join(f'a{i}=1' for i in range(40)))[0], 414)
    same(server.ask('GET', '/' + 'a/' * 40)[0], 414)
    for head in (b'GET /' + b'x' * 100000 + b' HTTP/1.1\r\n\r\n',
                 b'GET / HTTP/1.1\r\nX: ' + b'x' * 100000 + b'\r\n\r\n',
                 b'GET / HTTP/1.1\r\n' + b'X: y\r\n' * 20000 + b'\r\n'):
        try:
            server.raw(head)
        except (BrokenPipeError, ConnectionResetError):
            pass
        alive(server)
    nested = b'{"schema":' + b'[' * 3000
    same(server.ask('POST', '/subjects/s/versions', nested)[0], 400)
    if not sanitized and server.memory_kib() > before + 4096:
        raise AssertionError(f'{before} KiB became {server.memory_kib()} KiB')
    same(server.stop(), (0, ''))


def slow(folder):
    """who is slow loses his connection, and the others are served meanwhile"""
    server = Server(weir, '--journal', folder + '/j', '--no-token', *LIMITS)
    held = [server.connect() for _ in range(20)]  # more than there may be at once
    for s in held:
        s.sendall(b'GET / HTTP/1.1\r\nHost: loc')
    trickle = held[0]
    begin = time.monotonic()
    try:
        while time.monotonic() < begin + TIMEOUT_S:
            trickle.sendall(b'a')
            time.sleep(0.02)
            trickle.setblocking(False)
            try:
                if trickle.recv(1) == b'':
                    break
            except BlockingIOError:
                pass
            finally:
                trickle.setblocking(True)
        else:
            raise AssertionError('a byte now and then keeps a connection for ever')
    except (BrokenPipeError, ConnectionResetError):
        pass
    alive(server)
    for s in held:
        s.close()
    # An answer that nobody reads.
    s = server.connect()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.sendall(b'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n' * 5000)
    alive(server)
    s.close()
    same(server.stop(), (0, ''))


def drawn(folder):
    """drawn bytes, and good requests with drawn damage, are answered or refused"""
    server = Server(weir, '--journal', folder + '/j', '--no-token', '--writable', *LIMITS)
    draw = random.Random(9)
    for i in range(rounds):
        data = bytearray(GOOD)
        if i % 3 == 0:
            data = bytearray(draw.randbytes(draw.randrange(1, 400)))
        else:
            for _ in range(draw.randrange(1, 6)):
                data[draw.randrange(len(data))] = draw.randrange(256)
            if i % 3 == 1:
                del data[draw.randrange(len(data)):]
        with server.connect() as s:
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                read_all(s)
            except (BrokenPipeError, ConnectionResetError):
                pass
    alive(server)
    same(server.ask('POST', '/subjects/t/versions', {'schema': '"int"'})[0], 200)
    same(server.stop(), (0, ''))


def shutdown(folder):
    """it ends at once with connections open that say nothing, half of something, or do not read"""
    server = Server(weir, '--journal', folder + '/j', '--no-token', '--request-time', '1h')
    held = [server.connect() for _ in range(10)]
    for i, s in enumerate(held[3:]):
        s.sendall(b'GET /subjects HTTP/1.1\r\nHost: localhost\r\n' + b'\r\n' * (i % 2))
    same(held[4].recv(12), b'HTTP/1.1 200')
    begin = time.monotonic()
    same(server.stop(), (0, ''))
    if time.monotonic() - begin > TIMEOUT_S / 2:
        raise AssertionError('the close took %.1f s' % (time.monotonic() - begin))


def refusals(folder):
    """a command line that would be dangerous, or cannot be, is refused with its reason"""
    token = folder + '/token'
    with open(token, 'w') as f:
        f.write('0123456789abcdef\n')
    os.chmod(token, 0o600)
    blank = folder + '/blank'
    with open(blank, 'w') as f:
        f.write('too short\n')
    os.chmod(blank, 0o600)
    j = ('--journal', folder + '/j')
    for options, code, text in (
            ((*j, '--listen', '0.0.0.0:0', '--no-token'), 2, 'needs a token'),
            ((*j, '--listen', 'example.org:80'), 2, 'names but localhost are not looked up'),
            ((*j, '--listen', '127.0.0.1:99999'), 2, 'an address is'),
            ((*j, '--token-file', blank), 2, '16 to 512 printable'),
            ((*j, '--token-file', folder + '/none'), 4, 'ENOENT'),
            ((*j, '--token-file', token, '--no-token'), 2, 'exclude each other'),
            (('--journal', folder + '/none'), 4, 'ENOENT')):
        done = subprocess.run([weir, 'serve', *options], capture_output=True, text=True,
                              timeout=TIMEOUT_S)
        if done.returncode != code or text not in done.stderr:
            raise AssertionError(f'{options}: {done.returncode}, {done.stderr!r}')
    server = Server(weir, *j, '--token-file', token)
    server.token = '0123456789abcdef'
    same(server.ask('GET', '/subjects')[0], 200)
    # SIGHUP: another token; one that is none leaves it, and nothing ends.
    with open(token, 'w') as f:
        f.write('fedcba9876543210\n')
    server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + TIMEOUT_S
    while server.ask('GET', '/subjects')[0] != 401 and time.monotonic() < end:
        time.sleep(0.01)
    server.token = 'fedcba9876543210'
    same(server.ask('GET', '/subjects')[0], 200)
    with open(token, 'w') as f:
        f.write('short\n')
    server.process.send_signal(signal.SIGHUP)
    line = server.process.stderr.readline()
    same('error reload.refused reload: ' in line and 'a token is 16 to 512' in line, True)
    same(server.ask('GET', '/subjects')[0], 200)
    done = subprocess.run([weir, 'serve', *j], capture_output=True, text=True, timeout=TIMEOUT_S)
    same(done.returncode, 5)  # another process owns the journal
    same(server.stop(), (0, ''))


def socket_file(folder):
    """a socket file is its owner's alone; one that a dead process left is taken, a live one not"""
    path = folder + '/s'
    command = [weir, 'serve', '--journal', folder + '/j', '--listen', 'unix:' + path]
    for last in (signal.SIGKILL, signal.SIGTERM):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        same(process.stdout.readline(), f'listening on unix:{path}, read-only\n')
        same(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        same(ask_socket(path, '/subjects')[0], 200)
        other = subprocess.run([weir, 'serve', '--journal', folder + '/k', '--create', '--listen',
                                'unix:' + path], capture_output=True, text=True, timeout=TIMEOUT_S)
        same(other.returncode, 5)
        process.send_signal(last)
        process.communicate(timeout=TIMEOUT_S)
    same(os.path.exists(path), False)


with Folder() as path:
    tap = Tap()
    for case in (tokens, pages, sizes, slow, drawn, shutdown, refusals, socket_file):
        tap.run(case, path)
    tap.end()
