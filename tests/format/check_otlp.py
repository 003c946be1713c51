#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Are these lines what OpenTelemetry's file exporter writes? Written from OTLP's protobuf definitions
and the rules of its JSON encoding alone: which members there are and of which type, ids in
hexadecimal, 64-bit numbers as text, enums as numbers. Beyond that: span ids are unique, a parent
that is not remote is there, and the attributes are those of the conventions for messaging.

check_otlp.py FILE [--spans N] prints how many spans of each name there are; 1 with a reason where
a rule is broken.
"""
import json
import re
import sys

TRACE_ID = re.compile(r"^[0-9a-f]{32}$")
SPAN_ID = re.compile(r"^[0-9a-f]{16}$")
UINT64 = re.compile(r"^(0|[1-9][0-9]{0,19})$")
INT64 = re.compile(r"^(0|-?[1-9][0-9]{0,18})$")
KINDS = {1: "INTERNAL", 4: "PRODUCER", 5: "CONSUMER"}
OPERATION_TYPES = {"create", "send", "receive", "process", "settle"}
HAS_REMOTE, IS_REMOTE = 0x100, 0x200


class Broken(Exception):
    pass


def need(good, what):
    if not good:
        raise Broken(what)


def members(value, required, optional, where):
    need(isinstance(value, dict), f"{where} is no object")
    for name in required:
        need(name in value, f"{where} has no {name}")
    for name in value:
        need(name in required or name in optional, f"{where} has a member {name}")


def a_list(value, where):
    need(isinstance(value, list), f"{where} is no array")
    return value


def attributes(value, where):
    seen = {}
    for pair in a_list(value, where):
        members(pair, ["key", "value"], [], where)
        need(isinstance(pair["key"], str) and pair["key"], f"{where}: a key that is no text")
        need(pair["key"] not in seen, f"{where}: {pair['key']} comes twice")
        need(len(pair["value"]) == 1, f"{where}: {pair['key']} is not of one type")
        kind, v = next(iter(pair["value"].items()))
        if kind == "stringValue":
            need(isinstance(v, str), f"{pair['key']}: {v!r}")
        elif kind == "intValue":
            need(isinstance(v, str) and INT64.match(v), f"{pair['key']}: {v!r}")
            v = int(v)
        else:
            need(kind == "boolValue" and isinstance(v, bool), f"{pair['key']}: {kind} {v!r}")
        seen[pair["key"]] = v
    return seen


def messaging(span, said):
    operation, _, destination = span["name"].partition(" ")
    need(said.get("messaging.system") == "weir", "messaging.system")
    need(said.get("messaging.operation.name") == operation, "messaging.operation.name")
    need(said.get("messaging.destination.name") == destination, "messaging.destination.name")
    need(bool(said.get("messaging.message.id")), "messaging.message.id")
    need(isinstance(said.get("messaging.destination.partition.id"), str), "partition.id")
    kind = said.get("messaging.operation.type")
    need(kind is None or kind in OPERATION_TYPES, "messaging.operation.type")
    if span["kind"] == 4:
        need(kind == "send", "a PRODUCER that does not send")
    if span["kind"] == 5:
        need(kind in ("process", "settle"), "a CONSUMER that does not process")
    failed = span.get("status", {}).get("code") == 2
    need(failed == ("error.type" in said), "error.type goes with the status")


def check_span(span, where):
    members(span, ["traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"],
            ["traceState", "parentSpanId", "flags", "attributes", "links", "status"], where)
    need(TRACE_ID.match(span["traceId"]) and span["traceId"].strip("0"), f"{where}: traceId")
    need(SPAN_ID.match(span["spanId"]) and span["spanId"].strip("0"), f"{where}: spanId")
    parent = span.get("parentSpanId", "")
    need(parent == "" or (SPAN_ID.match(parent) and parent.strip("0")), f"{where}: parentSpanId")
    need(parent != span["spanId"], f"{where}: it is its own parent")
    need(span["kind"] in KINDS, f"{where}: kind {span['kind']!r}")
    for name in ("startTimeUnixNano", "endTimeUnixNano"):
        value = span[name]
        need(isinstance(value, str) and UINT64.match(value), f"{where}: {name} {value!r}")
    need(int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]), f"{where}: it ends early")
    flags = span.get("flags", 0)
    need(type(flags) is int and 0 <= flags < 2**32, f"{where}: flags {flags!r}")
    need(flags & 1 == 1, f"{where}: it is not sampled, and here")
    need(flags & IS_REMOTE == 0 or flags & HAS_REMOTE, f"{where}: flags {flags:#x}")
    for link in a_list(span.get("links", []), where):
        members(link, ["traceId", "spanId"], ["traceState", "attributes", "flags"], where)
        need(TRACE_ID.match(link["traceId"]) and SPAN_ID.match(link["spanId"]), f"{where}: link")
    status = span.get("status", {})
    members(status, [], ["message", "code"], where)
    need(status.get("code", 0) in (0, 1, 2), f"{where}: status")
    messaging(span, attributes(span.get("attributes", []), where))


def spans_of(line, where):
    members(line, ["resourceSpans"], [], where)
    for resource in a_list(line["resourceSpans"], where):
        members(resource, ["resource", "scopeSpans"], ["schemaUrl"], where)
        said = attributes(resource["resource"].get("attributes", []), where)
        need(said.get("service.name"), f"{where}: no service.name")
        for scope in a_list(resource["scopeSpans"], where):
            members(scope, ["scope", "spans"], ["schemaUrl"], where)
            members(scope["scope"], ["name"], ["version", "attributes"], where)
            need(scope["spans"], f"{where}: no spans")
            yield from scope["spans"]


def main():
    want = int(sys.argv[3]) if len(sys.argv) > 3 and sys.argv[2] == "--spans" else None
    spans, names = {}, {}
    with open(sys.argv[1], encoding="utf-8", newline="\n") as lines:
        for number, text in enumerate(lines, 1):
            need(text.endswith("\n"), f"line {number} does not end")
            for span in spans_of(json.loads(text), f"line {number}"):
                check_span(span, f"line {number}, {span.get('name')}")
                key = (span["traceId"], span["spanId"])
                need(key not in spans, f"line {number}: span {key} comes twice")
                spans[key] = span
                names[span["name"]] = names.get(span["name"], 0) + 1
    for (trace, _), span in spans.items():
        parent = span.get("parentSpanId", "")
        if parent and not span.get("flags", 0) & IS_REMOTE:
            need((trace, parent) in spans, f"{span['name']}: its parent {parent} is not there")
    need(want is None or len(spans) == want, f"{len(spans)} spans, not {want}: {names}")
    print(json.dumps(names, sort_keys=True))


if __name__ == "__main__":
    try:
        main()
    except (Broken, ValueError) as why:
        print(f"check_otlp.py: {why}", file=sys.stderr)
        sys.exit(1)
