#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Goal:   weir judges payloads by a JSON Schema as Python's jsonschema does, and what it calls readable
        is: no drawn value that an old schema takes is refused by a new one that reads it.
Method: schemas and values are drawn, of draft 7 and of 2020-12. Of each value the verdict of
        jsonschema is compared with `weir schema validate`; of each pair of schemas that `weir schema
        check` calls compatible the values that the old one takes are looked at with the new one.
        What the rules of Confluent's registry let pass knowingly (oneOf, required with a default) is
        not drawn for that. Skipped, with a line that says so, where the library (Debian:
        python3-jsonschema) is missing. Prints TAP.
usage:  check_json_schema.py WEIR [--cases N] [--seed N]
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    # Debian's library belongs to Debian's interpreter.
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)
    print("1..0 # SKIP python3-jsonschema is not installed")
    sys.exit(0)

NEW = "https://json-schema.org/draft/2020-12/schema"
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
NAMES = ["a", "b", "c", "ä"]


class Draw:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.is_new = False
        self.has_one_of = True

    def value(self, depth=0):
        r = self.random
        kind = r.choice(TYPES if depth < 3 else TYPES[:5])
        if kind == "null":
            return None
        if kind == "boolean":
            return r.random() < 0.5
        if kind == "integer":
            return r.randint(-3, 12)
        if kind == "number":
            return r.choice([0.5, 1.0, 1.5, -2.25, 10.0, 1e3])
        if kind == "string":
            return "".join(r.choice(["a", "ä", "😀", "\n", "\""]) for _ in range(r.randint(0, 4)))
        if kind == "array":
            return [self.value(depth + 1) for _ in range(r.randint(0, 3))]
        return {n: self.value(depth + 1) for n in r.sample(NAMES, r.randint(0, 3))}

    def number_words(self, schema):
        r = self.random
        for word in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]:
            if r.random() < 0.25:
                schema[word] = r.choice([-2, 0, 1, 1.5, 3, 10])
        if r.random() < 0.2:
            schema["multipleOf"] = r.choice([1, 2, 3, 0.5, 0.25])

    def array_words(self, schema, depth):
        r = self.random
        if r.random() < 0.5:
            schema["items"] = self.schema(depth + 1)
        elif r.random() < 0.5:
            listed = [self.schema(depth + 1) for _ in range(r.randint(1, 2))]
            schema["prefixItems" if self.is_new else "items"] = listed
            if r.random() < 0.6:
                schema["items" if self.is_new else "additionalItems"] = self.schema(depth + 1)
        for word in ["minItems", "maxItems"]:
            if r.random() < 0.2:
                schema[word] = r.randint(0, 3)
        if r.random() < 0.2:
            schema["uniqueItems"] = r.random() < 0.7

    def object_words(self, schema, depth):
        r = self.random
        if r.random() < 0.7:
            schema["properties"] = {n: self.schema(depth + 1)
                                    for n in r.sample(NAMES, r.randint(0, 3))}
        if r.random() < 0.4:
            schema["required"] = r.sample(NAMES, r.randint(0, 2))
        if r.random() < 0.4:
            schema["additionalProperties"] = r.choice([False, True, self.schema(depth + 1)])
        for word in ["minProperties", "maxProperties"]:
            if r.random() < 0.15:
                schema[word] = r.randint(0, 3)

    def schema(self, depth=0):
        r = self.random
        if depth > 2 or r.random() < 0.1:
            return r.choice([True, {}, {"type": r.choice(TYPES)}] + ([False] if depth else []))
        schema = {}
        if r.random() < 0.75:
            schema["type"] = r.choice(TYPES) if r.random() < 0.8 else r.sample(TYPES, 2)
        if r.random() < 0.4:
            self.number_words(schema)
        if r.random() < 0.3:
            schema["minLength"] = r.randint(0, 2)
        if r.random() < 0.3:
            schema["maxLength"] = r.randint(0, 4)
        if r.random() < 0.4:
            self.array_words(schema, depth)
        if r.random() < 0.6:
            self.object_words(schema, depth)
        if r.random() < 0.1:
            schema["enum"] = [self.value(2) for _ in range(3)]
        if r.random() < 0.05:
            schema["const"] = self.value(2)
        if r.random() < 0.1:
            schema["not"] = self.schema(depth + 1)
        words = ["allOf", "anyOf"] + (["oneOf"] if self.has_one_of else [])
        if r.random() < 0.2:
            schema[r.choice(words)] = [self.schema(depth + 1) for _ in range(r.randint(1, 3))]
        if depth > 0 and r.random() < 0.1:
            return {"$ref": "#/definitions/d"}
        return schema

    def root(self):
        schema = self.schema()
        if not isinstance(schema, dict):
            schema = {"allOf": [schema]}
        if self.is_new:
            schema["$schema"] = NEW
        schema["definitions"] = {"d": {"type": ["object", "integer"], "minimum": 1,
                                       "properties": {"a": {"$ref": "#/definitions/d"}}}}
        return schema

    def changed(self, schema):
        """One keyword more, less or another."""
        r = self.random
        schema = json.loads(json.dumps(schema))
        place = schema
        while r.random() < 0.5 and place.get("properties"):
            inner = r.choice(list(place["properties"].values()))
            if not isinstance(inner, dict) or "$ref" in inner:
                break
            place = inner
        words = [w for w in place if w not in ("$schema", "definitions")]
        if words and r.random() < 0.6:
            place.pop(r.choice(words))
        else:
            other = self.schema(1)
            if isinstance(other, dict) and other and "$ref" not in other:
                word = r.choice(list(other))
                place[word] = other[word]
        return schema


def judge(schema, values):
    kind = jsonschema.Draft202012Validator if schema.get("$schema") == NEW \
        else jsonschema.Draft7Validator
    validator = kind(schema)
    return [validator.is_valid(v) for v in values]


class Weir:
    def __init__(self, path, folder):
        self.path, self.folder = path, folder

    def put(self, name, value):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            json.dump(value, f)
        return path

    def run(self, *words):
        return subprocess.run([self.path, "schema", *words], capture_output=True, text=True)

    def judge(self, schema, values):
        files = [self.put("value-%d" % i, v) for i, v in enumerate(values)]
        ran = self.run("validate", "--format", "json", "--json", self.put("schema", schema), *files)
        if ran.returncode not in (0, 8):
            raise RuntimeError("%s: %s" % (json.dumps(schema), ran.stderr))
        return [v["valid"] for v in json.loads(ran.stdout)]

    def reads(self, reader, writer):
        ran = self.run("check", "--format", "json", "--reader", self.put("reader", reader),
                       "--writer", self.put("writer", writer))
        # A change may leave what draft 7 ignores, which is refused.
        if ran.returncode not in (0, 8) and "ignores" not in ran.stderr:
            raise RuntimeError(ran.stderr)
        return ran.returncode == 0


def check_values(weir, draw, cases):
    bad = 0
    for _ in range(cases):
        draw.is_new = draw.random.random() < 0.5
        schema, values = draw.root(), [draw.value() for _ in range(24)]
        for value, mine, other in zip(values, weir.judge(schema, values), judge(schema, values)):
            if mine != other:
                bad += 1
                print("# %s\n# of %s: weir says %s" % (json.dumps(schema), json.dumps(value), mine))
    return bad == 0


def check_pairs(weir, draw, cases):
    bad = readable = 0
    draw.has_one_of = False
    for _ in range(cases):
        draw.is_new = draw.random.random() < 0.5
        old = draw.root()
        new = draw.changed(old)
        if not weir.reads(new, old):
            continue
        readable += 1
        values = [draw.value() for _ in range(40)]
        for value, was, now in zip(values, judge(old, values), judge(new, values)):
            if was and not now:
                bad += 1
                print("# %s\n# reads %s\n# but not %s" % (json.dumps(new), json.dumps(old),
                                                         json.dumps(value)))
    print("# %d of %d pairs are readable" % (readable, cases))
    return bad == 0 and readable > cases / 10


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weir")
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        weir, draw = Weir(a.weir, folder), Draw(a.seed)
        results = [("payloads are judged as by the library", check_values(weir, draw, a.cases)),
                   ("what a readable schema took is taken", check_pairs(weir, draw, a.cases))]
    print("1..%d" % len(results))
    for i, (name, good) in enumerate(results, 1):
        print("%s %d - %s" % ("ok" if good else "not ok", i, name))
    return 0 if all(good for _, good in results) else 1


sys.exit(main())
