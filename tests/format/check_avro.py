#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Goal:   weir judges and reads Avro as Avro's own Python library does.
Method: drawn schemas and changes of them. Of each pair the verdict of avro.compatibility is compared
        with `weir schema check`, the canonical form with `weir schema fingerprint`; a drawn datum is
        written by the library, resolved by the library and by `weir schema decode`, and the values
        compared. Skipped, with a line that says so, where the library (Debian: python3-avro) is
        missing. Prints TAP.
usage:  check_avro.py WEIR [--cases N] [--seed N]
"""
import argparse
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

try:
    import avro.compatibility
    import avro.io
    import avro.schema
except ImportError:
    # Debian's library belongs to Debian's interpreter.
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)
    print("1..0 # SKIP python3-avro is not installed")
    sys.exit(0)

PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
NEARBY = {"int": ["long", "float", "double"], "long": ["float", "double", "int"],
          "float": ["double", "long"], "double": ["float"], "string": ["bytes"], "bytes": ["string"]}


class Draw:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = 0

    def name(self):
        self.names += 1
        return "N%d" % self.names

    def type(self, depth=0):
        r = self.random
        kind = r.choice(PRIMITIVES if depth > 2 else
                        PRIMITIVES + ["array", "map", "enum", "fixed", "record", "union"])
        if kind == "array":
            return {"type": "array", "items": self.type(depth + 1)}
        if kind == "map":
            return {"type": "map", "values": self.type(depth + 1)}
        if kind == "enum":
            return {"type": "enum", "name": self.name(), "symbols": r.sample("ABCDE", r.randint(1, 4))}
        if kind == "fixed":
            return {"type": "fixed", "name": self.name(), "size": r.randint(1, 3)}
        if kind == "record":
            return self.record(depth)
        if kind == "union":
            branches = r.sample(PRIMITIVES, r.randint(1, 3))
            if r.random() < 0.4:
                branches.append({"type": "array", "items": self.type(depth + 2)})
            return branches
        return kind

    def record(self, depth=0):
        fields = [{"name": "f%d" % i, "type": self.type(depth + 1)}
                  for i in range(self.random.randint(0, 4))]
        return {"type": "record", "name": self.name(), "fields": fields}

    def change(self, t, depth=0):
        """A type like it, sometimes changed."""
        r = self.random
        if isinstance(t, list):
            branches = [b if isinstance(b, str) else self.change(b, depth + 1) for b in t]
            if r.random() < 0.3 and len(branches) > 1:
                branches.pop(r.randrange(len(branches)))
            if r.random() < 0.3:
                more = r.choice(PRIMITIVES)
                if more not in branches:
                    branches.append(more)
            if r.random() < 0.3:
                r.shuffle(branches)
            return branches
        if isinstance(t, str):
            if t in NEARBY and r.random() < 0.15:
                return r.choice(NEARBY[t])
            if r.random() < 0.05:
                return sorted({t, "null"})
            return t
        t = dict(t)
        if t["type"] == "array":
            t["items"] = self.change(t["items"], depth + 1)
        elif t["type"] == "map":
            t["values"] = self.change(t["values"], depth + 1)
        elif t["type"] == "enum" and r.random() < 0.3:
            t["symbols"] = r.sample("ABCDE", r.randint(1, 5))
        elif t["type"] == "fixed" and r.random() < 0.1:
            t["size"] += 1
        elif t["type"] == "record":
            fields = [dict(f, type=self.change(f["type"], depth + 1)) for f in t["fields"]]
            if r.random() < 0.25 and fields:
                fields.pop(r.randrange(len(fields)))
            if r.random() < 0.25:
                fields.insert(r.randint(0, len(fields)), {"name": "n", "type": "int", "default": 7})
            if r.random() < 0.1:
                fields.append({"name": "m", "type": "string"})
            if r.random() < 0.3:
                r.shuffle(fields)
            t["fields"] = fields
        if t["type"] in ("enum", "fixed", "record") and r.random() < 0.04:
            t["name"] += "x"
        return t

    def value(self, t):
        r = self.random
        kind = t if isinstance(t, str) else "union" if isinstance(t, list) else t["type"]
        if kind == "null":
            return None
        if kind == "boolean":
            return r.random() < 0.5
        if kind == "int":
            return r.choice([0, -1, 63, 64, -65, 2**31 - 1, -2**31, r.randint(-9999, 9999)])
        if kind == "long":
            return r.choice([0, -1, 2**53, 2**63 - 1, -2**63, r.randint(-10**12, 10**12)])
        if kind in ("float", "double"):
            return r.choice([0.0, -1.5, 0.25, 1024.0, 3.0])
        if kind == "bytes":
            return bytes(r.choice(b"abcxyz") for _ in range(r.randint(0, 5)))
        if kind == "string":
            return "".join(r.choice("ab\u00e4\u20ac\"\\\n") for _ in range(r.randint(0, 5)))
        if kind == "array":
            return [self.value(t["items"]) for _ in range(r.randint(0, 3))]
        if kind == "map":
            return {"k%d" % i: self.value(t["values"]) for i in range(r.randint(0, 3))}
        if kind == "enum":
            return r.choice(t["symbols"])
        if kind == "fixed":
            return bytes(r.randrange(256) for _ in range(t["size"]))
        if kind == "union":
            return self.value(r.choice(t)) if t else None
        return {f["name"]: self.value(f["type"]) for f in t["fields"]}


def plain(value):
    """A value of the library's as weir's JSON is read."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def same(a, b):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        # The library leaves an int that is read as a float what it was.
        return float(a) == float(b) or struct.pack("<f", a) == struct.pack("<f", b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


class Checker:
    def __init__(self, weir, folder):
        self.weir = weir
        self.folder = folder

    def run(self, *arguments):
        return subprocess.run([self.weir, "schema"] + list(arguments), capture_output=True, text=True,
                              cwd=self.folder)

    def put(self, name, content):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(content if isinstance(content, bytes) else json.dumps(content).encode())

    def verdict(self, writer, reader):
        expected = avro.compatibility.ReaderWriterCompatibilityChecker().get_compatibility(
            reader, writer).compatibility is avro.compatibility.SchemaCompatibilityType.compatible
        run = self.run("check", "--writer", "w", "--reader", "r", "--json")
        if json.loads(run.stdout)["compatible"] != expected:
            return "the library says compatible: %s" % expected
        return None

    def data(self, writer, reader, draw):
        out = io.BytesIO()
        try:
            avro.io.DatumWriter(writer).write(draw, avro.io.BinaryEncoder(out))
        except (avro.errors.AvroException, UnicodeError):
            return None  # what the drawn union took for another branch
        self.put("data", out.getvalue())
        run = self.run("decode", "--writer", "w", "--reader", "r", "data")
        try:
            decoder = avro.io.BinaryDecoder(io.BytesIO(out.getvalue()))
            expected = plain(avro.io.DatumReader(writer, reader).read(decoder))
        except (avro.errors.AvroException, UnicodeError, AssertionError) as refused:
            # It knows no promotion of bytes to string, nor what its own verdict lets pass otherwise.
            if run.returncode == 2 or "Schemas do not match" in str(refused):
                return None
            return "the library refuses it: %s" % refused
        if run.returncode != 0:
            return "refused: %s; the library reads %r" % (run.stderr.strip(), expected)
        if not same(json.loads(run.stdout), expected):
            return "%s; the library reads %r" % (run.stdout.strip(), expected)
        return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weir")
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    weir = os.path.abspath(arguments.weir)
    wrong = {"verdicts": [], "data": [], "canonical forms": []}
    with tempfile.TemporaryDirectory() as folder:
        checker = Checker(weir, folder)
        for case in range(arguments.cases):
            draw = Draw(arguments.seed * 1000003 + case)
            writer_json = draw.record() if draw.random.random() < 0.7 else draw.type()
            reader_json = draw.change(writer_json)
            writer = avro.schema.parse(json.dumps(writer_json))
            reader = avro.schema.parse(json.dumps(reader_json))
            checker.put("w", writer_json)
            checker.put("r", reader_json)
            where = "seed %d case %d: %s as %s" % (arguments.seed, case, json.dumps(writer_json),
                                                   json.dumps(reader_json))
            for kind, text in (("verdicts", checker.verdict(writer, reader)),
                               ("data", checker.data(writer, reader, draw.value(writer_json)))):
                if text is not None:
                    wrong[kind].append("%s: %s" % (where, text))
            if case % 5 == 0:
                expected = writer.canonical_form
                run = checker.run("fingerprint", "--canonical", "w")
                if json.loads(run.stdout) != json.loads(expected):
                    wrong["canonical forms"].append("%s: %s" % (where, expected))
    for number, (kind, texts) in enumerate(wrong.items(), 1):
        print("%s %d - %s of %d drawn pairs of schemas are the library's" % (
            "not ok" if texts else "ok", number, kind, arguments.cases))
        for text in texts[:10]:
            print("# " + text)
    print("1..%d" % len(wrong))
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
