#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a journal by docs/reference/journal-format.md, and by nothing else.

Goal:   the page says enough for a reader that knows no line of weir's code.
Method: written from that page alone, one function a chapter. It is small and slow, and it does not
        repair anything.

Of Zstandard it knows nothing: the module of Python 3.14 does it, or the program zstd; without either
it says so and ends with 77.

usage: read_journal.py DIR                 one JSON object a record
       read_journal.py DIR --compare FILE  against the output of
                                           weir journal dump DIR --json --control --hex
       read_journal.py DIR --chain KEY     the head of the chain under the key in this file
"""

import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys

BLOCK = 4096
KINDS = {1: "event", 2: "settle", 3: "progress", 5: "topic", 6: "type", 7: "subscription",
         8: "partition_map", 9: "generation", 10: "handout_mark", 11: "producer_skip",
         16: "epoch_start", 18: "producer", 19: "reject", 20: "left_out", 21: "filter", 22: "erase",
         23: "addressed", 24: "carried"}
DATA, FILLER, EVIDENCE = 1, 2, 3
PACKED, LEFT_OUT, CHAINED = 1, 2, 4
LINKED, BEGINS = 1, 2
LZ4, ZSTD, SPARSE = 1, 2, 3  # and SPARSE + one of the two
NOT_READ_HERE = 77
FILTERS = 1
SCHEMAS = 2
UNROUTED = 4
BINDINGS = 16
MAPS = 8
JSON_SCHEMAS = 32
TRANSFORMS = 64
ERASURES = 128
RINGS = 256
ADDRESSED = 512
ATTEMPTS = 1024
MEMBERS_TRANSFORM = 2048
CARRIED = 4096
HEADER_PATTERNS = 65536


class Damaged(Exception):
    """What is durable is not there."""


# --- checksums -----------------------------------------------------------------------------------


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = crc_table()


def crc(seed, data):
    value = seed ^ 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


assert crc(0, b"123456789") == 0xE3069283


def batch_seed(uuid, segment_id):
    return crc(crc(0, uuid), struct.pack("<Q", segment_id)) or 1


# --- superblock and segments ---------------------------------------------------------------------


def good_block(block, magic, features=0):
    """Whether a fixed block is what weir wrote, and of a format that this reader knows."""
    if len(block) < 512 or block[:8] != magic:
        return False
    if struct.unpack_from("<I", block, 508)[0] != crc(1, block[:508]):
        return False
    if (struct.unpack_from("<H", block, 8)[0] != 1
            or struct.unpack_from("<I", block, 12)[0] & ~features != 0):
        raise SystemExit("a newer format")
    return True


class Superblock:
    def __init__(self, folder):
        best = None
        with open(os.path.join(folder, "JOURNAL"), "rb") as file:
            for copy in range(4):
                block = file.read(BLOCK)
                if not good_block(block, b"WEIRJRNL", PACKED | LEFT_OUT | CHAINED):
                    continue
                if struct.unpack_from("<H", block, 10)[0] != copy:
                    continue
                version = struct.unpack_from("<Q", block, 32)[0]
                if best is None or version > best[0]:
                    best = (version, block)
        if best is None:
            raise SystemExit("no good superblock")
        block = best[1]
        self.uuid = block[16:32]
        self.clean_segment, self.clean_offset = struct.unpack_from("<QQ", block, 72)
        self.clean = struct.unpack_from("<I", block, 100)[0] == 1
        (self.oldest_id, self.newest_id, self.oldest_seq,
         self.durable_seq) = struct.unpack_from("<QQQQ", block, 104)
        self.chunk = struct.unpack_from("<I", block, 48)[0]
        self.file_bytes = struct.unpack_from("<Q", block, 56)[0]


def packed_head(data):
    """The good one of the two headers of a packed file, or None."""
    for head in (data[:BLOCK], data[-BLOCK:]):
        if good_block(head, b"WEIRPACK", 1 << SPARSE | 1 << LZ4 | 1 << ZSTD):
            return head
    return None


def lz4_block(block):
    """A block of LZ4: literals, then so many bytes from so far behind, by turns."""
    out, at = bytearray(), 0

    def length(nibble, at):
        total = nibble
        while nibble == 15:
            total += block[at]
            at += 1
            if block[at - 1] != 255:
                break
        return total, at

    while at < len(block):
        token = block[at]
        count, at = length(token >> 4, at + 1)
        out += block[at:at + count]
        at += count
        if at >= len(block):
            break
        behind = block[at] | block[at + 1] << 8
        count, at = length(token & 15, at + 2)
        for _ in range(count + 4):
            out.append(out[-behind])
    return bytes(out)


def decompressed(frame, how):
    if how == LZ4:
        return lz4_block(frame)
    if how == ZSTD:
        try:
            from compression import zstd
            return zstd.decompress(frame)
        except ImportError:
            pass
        if shutil.which("zstd") is None:
            print("compressed with Zstandard, which is not read here", file=sys.stderr)
            sys.exit(NOT_READ_HERE)
        return subprocess.run(["zstd", "-dcq"], input=frame, stdout=subprocess.PIPE,
                              check=True).stdout
    return frame


def unfolded(frame, at, body_bytes):
    """The records of a batch in a sparse frame, and where the next one begins there."""
    records = b""
    while len(records) < body_bytes:
        size, = struct.unpack_from("<I", frame, at)
        kind, = struct.unpack_from("<B", frame, at + 20)
        if kind != 20:
            size = (size + 7) // 8 * 8
            records += frame[at:at + size]
            at += size
            continue
        head = bytearray(frame[at:at + 24])
        more, = struct.unpack_from("<H", head, 22)
        head[22:24] = bytes(2)
        for _ in range(more):
            head[0:4] = struct.pack("<I", 24)
            records += head
            head[12:16] = bytes(4)
        head[0:4] = struct.pack("<I", size - 24 * more)
        records += head + bytes(size - 24 * more - 24)
        at += 24
    return records, at


def unpacked(head, data):
    """The plain file that a packed one was made from, with nothing where it is damaged."""
    plain_bytes, = struct.unpack_from("<Q", head, 40)
    chunk, = struct.unpack_from("<I", head, 56)
    file_bytes, frames, index_crc = struct.unpack_from("<QII", head, 104)
    extents = (plain_bytes - BLOCK) // chunk
    size = (extents * 160 + BLOCK - 1) // BLOCK * BLOCK
    plain = bytearray(plain_bytes)
    plain[:512] = b"WEIRSEG1" + struct.pack("<HHI", 1, 0, 0) + head[16:80] + bytes(428) + bytes(4)
    plain[508:512] = struct.pack("<I", crc(1, plain[:508]))
    for at in (BLOCK, file_bytes - BLOCK - size):
        index = data[at:at + size]
        if crc(1, index) == index_crc:
            break
    else:
        return bytes(plain)
    for extent in range(frames):
        offset, stored, whole, how, stored_crc = struct.unpack_from("<QIIII", index, extent * 160)
        frame = data[offset:offset + stored]
        if how > SPARSE + ZSTD:
            raise SystemExit("a newer format")
        if crc(1, frame) != stored_crc:
            continue
        frame = decompressed(frame, how % SPARSE)
        if len(frame) != whole:
            continue
        at = 0
        while at < len(frame):
            body, batch_bytes = struct.unpack_from("<II", frame, at + 64)
            place, = struct.unpack_from("<Q", frame, at + 96)
            records, end = (frame[at + 128:at + 128 + body], at + 128 + (body + 7) // 8 * 8)
            if how >= SPARSE:
                records, end = unfolded(frame, at + 128, body)
            plain[place:place + batch_bytes] = (frame[at:at + 128] + records
                                                + bytes(batch_bytes - 128 - body))
            at = end
    return bytes(plain)


class Segment:
    """A segment file: its id, and its first batch if that is good."""

    def __init__(self, superblock, path):
        self.superblock = superblock
        with open(path, "rb") as file:
            self.data = file.read()
        self.name = os.path.basename(path)
        head = packed_head(self.data)
        self.draft = head is not None and struct.unpack_from("<H", head, 10)[0] == 0
        self.packed = head is not None and not self.draft and head[16:32] == superblock.uuid
        if self.packed:
            is_cut = len(self.data) < struct.unpack_from("<Q", head, 104)[0]
            self.data = unpacked(head, self.data)[:len(self.data) if is_cut else None]
        self.generation = struct.unpack_from("<I", head, 132)[0] if self.packed else 0
        self.id = self.previous_id = 0
        self.headed = False
        if (good_block(self.data[:BLOCK], b"WEIRSEG1")
                and self.data[16:32] == superblock.uuid):
            self.id = struct.unpack_from("<Q", self.data, 32)[0]
            self.previous_id = struct.unpack_from("<Q", self.data, 72)[0]
            self.headed = True
        elif self.data[BLOCK:BLOCK + 4] == b"WEIR":
            self.id = struct.unpack_from("<Q", self.data, BLOCK + 88)[0]
        self.first = self.batch(BLOCK) if self.id else None

    def batch(self, offset, body=True):
        """The batch at a place, or None."""
        head = self.data[offset:offset + 128]
        if len(head) < 128 or head[:4] != b"WEIR":
            return None
        seed = batch_seed(self.superblock.uuid, self.id)
        if struct.unpack_from("<I", head, 124)[0] != crc(seed, head[:124]):
            return None
        b = Batch(self, offset, head)
        if b.segment_id != self.id or b.offset != offset:
            return None
        if body and b.body_crc != crc(seed, self.data[offset + 128:offset + b.batch_bytes]):
            return None
        return b


class Batch:
    def __init__(self, segment, offset, head):
        self.segment = segment
        (_, fmt, self.kind, must, self.may, self.log, self.epoch, self.first_seq,
         self.time_base) = struct.unpack_from("<IHHIIIIQQ", head, 0)
        (self.body_bytes, self.batch_bytes, self.count, self.skip_bytes, self.durable_seq,
         self.segment_id, self.offset, self.chain, self.body_crc) = struct.unpack_from(
             "<IIIIQQQII", head, 64)
        self.crc = struct.unpack_from("<I", head, 124)[0]
        known = (FILTERS | SCHEMAS | UNROUTED | MAPS | BINDINGS | JSON_SCHEMAS | TRANSFORMS
                 | ERASURES | RINGS | ADDRESSED | ATTEMPTS | MEMBERS_TRANSFORM | CARRIED
                 | HEADER_PATTERNS)
        if fmt != 1 or must & ~known != 0:
            raise SystemExit("a newer format")
        self.end = offset + self.batch_bytes + self.skip_bytes

    def records(self):
        data, at = self.segment.data, self.offset + 128
        end = at + self.body_bytes
        seq = self.first_seq
        while at < end:
            record = Record(data, at, seq, self)
            yield record
            at += (record.bytes + 7) // 8 * 8
            seq += 1

    def epoch_start(self):
        """What its first record says of the end of the epoch before, or None."""
        if self.kind != DATA:
            return None
        first = next(self.records())
        if first.kind != 16:
            return None
        return struct.unpack_from("<QQQII", first.payload, 0)


class Record:
    def __init__(self, data, at, seq, batch):
        (self.bytes, key_bytes, option_bytes, self.topic, self.hash, delta, self.kind, self.flags,
         self.type) = struct.unpack_from("<IHHIIIBBH", data, at)
        key_at = at + 24 + option_bytes
        self.key = data[key_at:key_at + key_bytes]
        self.payload = data[key_at + key_bytes:at + self.bytes]
        self.seq, self.epoch = seq, batch.epoch
        self.time = batch.time_base + delta


# --- the log -------------------------------------------------------------------------------------


def open_files(superblock, folder):
    """All segment files, ascending ids."""
    segments = []
    for name in os.listdir(folder):
        if re.fullmatch(r"0-\d{8,}\.seg", name):
            segments.append(Segment(superblock, os.path.join(folder, name)))
    packed = {}
    for s in segments:
        if s.packed and (s.id not in packed or s.generation > packed[s.id].generation):
            packed[s.id] = s
    return sorted((s for s in segments if not s.draft and packed.get(s.id, s) is s),
                  key=lambda s: s.id)


def find_segments(superblock, files):
    """Ascending ids; only those that count (chapter "Reading a log", 2 and 3)."""
    taken, above_id, next_seq = [], None, None
    for segment in reversed(files):
        if segment.first is None or segment.id < superblock.oldest_id:
            continue
        if above_id is not None and segment.id > above_id:
            continue
        if next_seq is not None and segment.first.first_seq > next_seq:
            continue
        taken.insert(0, segment)
        next_seq = segment.first.first_seq
        start = segment.first.epoch_start()
        above_id = start[0] if start else None
    return taken


def check_record(superblock, files, taken, end_id, end_offset):
    """Whether all segments are there that are on record (7)."""
    if superblock.newest_id == 0:
        return
    by_id = {s.id: s for s in files if s.id}
    clean = (superblock.clean and superblock.clean_segment == end_id
             and superblock.clean_offset == end_offset)
    if taken and taken[0].first.first_seq > superblock.oldest_seq:
        raise Damaged(f"segment {superblock.oldest_id} is missing")
    at = superblock.newest_id
    while at >= max(superblock.oldest_id, 1):
        segment = by_id.get(at)
        if at > end_id:
            whole = segment is not None and len(segment.data) >= superblock.file_bytes
            if not whole and not clean:
                raise Damaged(f"segment {at} is missing, and what may have been in it")
        elif segment not in taken:
            raise Damaged(f"segment {at} is missing")
        if segment is None or not segment.headed:
            return
        at = segment.previous_id


class Walk:
    """Follows the batches of a log; knows what the next one has to be."""

    def __init__(self, segments, superblock):
        self.segments, self.superblock = segments, superblock
        self.at, self.offset = segments[0], BLOCK
        self.seq = segments[0].first.first_seq
        self.chain = segments[0].first.chain
        self.epoch = segments[0].first.epoch
        self.durable = superblock.durable_seq

    def is_start(self, batch):
        """Whether a later epoch begins with this batch, exactly here."""
        start = batch.epoch_start() if batch and batch.epoch > self.epoch else None
        return (start is not None and start[0] == self.at.id and start[1] == self.offset
                and start[2] == self.seq - 1 and start[3] == self.chain and start[4] == self.epoch)

    def fits(self, batch):
        if batch is None or batch.first_seq != self.seq or batch.chain != self.chain:
            return False
        return batch.epoch == self.epoch or self.is_start(batch)

    def next(self):
        claims = [s.first for s in self.segments if s.id > self.at.id and self.is_start(s.first)]
        if claims:
            return max(claims, key=lambda b: b.epoch)
        if self.offset < self.superblock.file_bytes:
            batch = self.at.batch(self.offset)
            return batch if self.fits(batch) else None
        for segment in self.segments:
            if segment.id > self.at.id and self.fits(segment.first):
                return segment.first
        return None

    def behind(self):
        """The highest durable sequence that any good header from here on attests."""
        durable = self.durable
        for segment in self.segments:
            if segment.id < self.at.id:
                continue
            begin = self.offset if segment is self.at else BLOCK
            for offset in range(begin, len(segment.data), BLOCK):
                if segment.data[offset:offset + 4] == b"WEIR":
                    batch = segment.batch(offset, body=False)
                    durable = max(durable, batch.durable_seq if batch else 0)
        return durable

    def batches(self):
        while (batch := self.next()) is not None:
            self.at, self.offset = batch.segment, batch.end
            self.seq, self.chain = batch.first_seq + batch.count, batch.crc
            self.epoch = batch.epoch
            self.durable = max(self.durable, batch.durable_seq)
            yield batch
        if self.behind() >= self.seq:
            raise Damaged(f"{self.at.name}: sequence {self.seq} was durable and is not there")


def read(folder):
    """One dictionary a record, in log order."""
    superblock = Superblock(folder)
    files = open_files(superblock, folder)
    segments = find_segments(superblock, files)
    partitions, names = [], []
    if not segments:
        check_record(superblock, files, segments, 0, 0)
        return
    walk = Walk(segments, superblock)
    for batch in walk.batches():
        for r in batch.records() if batch.kind == DATA else ():
            entry = {"sequence": r.seq, "epoch": r.epoch, "append_time_us": r.time,
                     "kind": KINDS.get(r.kind, str(r.kind)), "payload_hex": r.payload.hex()}
            if r.kind == 20:
                entry["payload_hex"] = None
            if r.kind == 5:
                names.append(r.key.decode())
                partitions.append(struct.unpack_from("<I", r.payload)[0])
            if r.kind == 8 and r.topic < len(names):
                grown = struct.unpack("<II", r.payload)
                if grown[0] % partitions[r.topic] != 0 or grown[1] != 0:
                    raise Damaged(f"sequence {r.seq}: a growth to no multiple")
                partitions[r.topic] = grown[0]
            if r.kind == 1:
                entry["topic_id"] = r.topic
                # Topics of segments that were retired are in the checkpoint only.
                if r.topic < len(names):
                    number = r.hash if r.flags & 3 else r.hash & 0x7FFFFFFF
                    entry["topic"] = names[r.topic]
                    entry["partition"] = number % partitions[r.topic]
                entry["key_hex"] = None if r.flags & 1 or not r.key else r.key.hex()
                if r.flags & 8:
                    entry["payload_hex"] = None
            yield entry
    check_record(superblock, files, segments, walk.at.id, walk.offset)


# --- the chain -----------------------------------------------------------------------------------


def prove(folder, key_file):
    """The head of the chain, as weir prints it; or the first batch that breaks it."""
    with open(key_file, "rb") as file:
        secret = file.read()
    superblock = Superblock(folder)
    segments = find_segments(superblock, open_files(superblock, folder))
    key = hashlib.blake2b(superblock.uuid + bytes(4), digest_size=32, key=secret,
                          person=b"weir chain key").digest()
    link, head = None, ""
    for number, batch in enumerate(Walk(segments, superblock).batches()):
        data, at = batch.segment.data, batch.offset
        header, body = data[at:at + 128], data[at + 128:at + 128 + batch.body_bytes]
        if batch.may & LINKED == 0:
            if link is not None:
                raise Damaged(f"sequence {batch.first_seq}: no link")
            continue
        begins = batch.may & BEGINS != 0
        if link is None and not begins and number > 0:
            raise Damaged(f"sequence {batch.first_seq}: a link to nothing")
        before = bytes(16) if begins else link
        if before is not None and header[40:56] != hashlib.blake2b(
                before + header[:40] + header[56:124], digest_size=16, key=key,
                person=b"weir link").digest():
            raise Damaged(f"sequence {batch.first_seq}: another link")
        left_out = batch.kind == DATA and any(r.kind == 20 for r in batch.records())
        if not left_out and header[112:124] != hashlib.blake2b(
                header[:40] + header[56:112] + body, digest_size=12, key=key,
                person=b"weir tag").digest():
            raise Damaged(f"sequence {batch.first_seq}: another tag")
        link = header[40:56]
        head = f"{batch.first_seq + batch.count - 1}-{link.hex()}"
    return head


# --- the comparison ------------------------------------------------------------------------------


def text_of(dumped, field):
    """A field of a dumped line, whichever way it is spelled there."""
    if field + "_hex" in dumped:
        return dumped[field + "_hex"]
    value = dumped.get(field)
    return None if value is None else value.encode().hex()


def compare(folder, dump):
    with open(dump, encoding="utf-8") as lines:
        dumped = [json.loads(line) for line in lines if line.strip()]
    found = list(read(folder))
    for mine, theirs in zip(found, dumped):
        for field in ("sequence", "epoch", "append_time_us", "kind", "topic_id", "topic",
                      "partition"):
            if field in mine and mine[field] != theirs.get(field):
                raise SystemExit(f"sequence {mine['sequence']}: {field} is {mine[field]} here "
                                 f"and {theirs.get(field)} there")
        if mine["payload_hex"] != text_of(theirs, "payload"):
            raise SystemExit(f"sequence {mine['sequence']}: another payload")
        if mine["kind"] == "event" and mine["key_hex"] != text_of(theirs, "key"):
            raise SystemExit(f"sequence {mine['sequence']}: another key")
    if len(found) != len(dumped):
        raise SystemExit(f"{len(found)} records here, {len(dumped)} there")
    print(f"{len(found)} records are the same")


def main():
    if len(sys.argv) == 4 and sys.argv[2] == "--compare":
        compare(sys.argv[1], sys.argv[3])
    elif len(sys.argv) == 4 and sys.argv[2] == "--chain":
        print(prove(sys.argv[1], sys.argv[3]))
    elif len(sys.argv) == 2:
        for entry in read(sys.argv[1]):
            print(json.dumps(entry))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    try:
        main()
    except Damaged as damage:
        raise SystemExit(f"damaged: {damage}") from None
