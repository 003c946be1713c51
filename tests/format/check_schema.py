#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Goal:   the JSON Schema of `weir config schema` and the library judge alike: what one value shows.
# Method: a validator of the part of JSON Schema that is used (and python3-jsonschema beside it,
#         where it is installed). Every key of the schema gets values of every kind, good and bad, in
#         a file of JSON, which is YAML; the library judges the same files, all of them in one
#         process (judge_configs.c), and `weir config check` one of each key: it says the same.
#         Prints TAP. usage: check_schema.py WEIR JUDGE
import json
import re
import subprocess
import sys
import tempfile

weir, judge = sys.argv[1:3]
schema = json.loads(subprocess.run([weir, 'config', 'schema'], check=True, capture_output=True,
                                   text=True).stdout)

KNOWN = {'$schema', 'title', 'description', 'default', 'type', 'properties', 'required',
         'additionalProperties', 'items', 'minItems', 'maxItems', 'enum', 'pattern', 'minimum',
         'maximum', 'maxLength', 'anyOf', 'minProperties', 'maxProperties', 'patternProperties'}


def is_type(value, name):
    number = isinstance(value, int) and not isinstance(value, bool)
    return {'object': isinstance(value, dict), 'array': isinstance(value, list),
            'string': isinstance(value, str), 'null': value is None, 'integer': number,
            'number': number, 'boolean': isinstance(value, bool)}[name]


def in_enum(value, choices):
    return any(type(value) is type(choice) and value == choice for choice in choices)


def valid(value, s):
    assert set(s) <= KNOWN, set(s) - KNOWN
    types = s.get('type', [])
    types = [types] if isinstance(types, str) else types
    if types and not any(is_type(value, t) for t in types):
        return False
    if 'enum' in s and not in_enum(value, s['enum']):
        return False
    if 'anyOf' in s and not any(valid(value, one) for one in s['anyOf']):
        return False
    if isinstance(value, str):
        if not re.search(s.get('pattern', ''), value):
            return False
        if len(value) > s.get('maxLength', len(value)):
            return False
    if is_type(value, 'integer'):
        if value < s.get('minimum', value) or value > s.get('maximum', value):
            return False
    if isinstance(value, list):
        if len(value) < s.get('minItems', 0) or len(value) > s.get('maxItems', len(value)):
            return False
        if 'items' in s and not all(valid(item, s['items']) for item in value):
            return False
    if isinstance(value, dict):
        properties = s.get('properties', {})
        if not all(name in value for name in s.get('required', [])):
            return False
        patterns = s.get('patternProperties', {})
        if len(value) < s.get('minProperties', 0) or \
                len(value) > s.get('maxProperties', len(value)):
            return False
        for name, inner in value.items():
            of_name = [p for pattern, p in patterns.items() if re.search(pattern, name)]
            of_name += [properties[name]] if name in properties else []
            if not of_name and s.get('additionalProperties') is False:
                return False
            if not all(valid(inner, p) for p in of_name):
                return False
    return True


try:
    import jsonschema
    reference = jsonschema.Draft202012Validator(schema)
    jsonschema.Draft202012Validator.check_schema(schema)
except (ImportError, AttributeError):
    reference = None


def judged(documents):
    """The texts of the errors of each, or None: there are none."""
    # Keys sorted as given; a space behind each colon: YAML.
    text = ''.join(json.dumps(one, ensure_ascii=False) + '\n' for one in documents)
    run = subprocess.run([judge], input=text, check=True, capture_output=True, text=True)
    lines = [line.split('\t') for line in run.stdout.splitlines()]
    assert len(lines) == len(documents), (len(lines), len(documents))
    assert all((line[0] == 'ok') == (len(line) == 1) for line in lines)
    return [line[1:] for line in lines]


def judged_by_command(document):
    text = json.dumps(document, ensure_ascii=False)
    run = subprocess.run([weir, 'config', 'check', '--any-machine', '--json', '-'], input=text,
                         capture_output=True, text=True)
    assert run.returncode in (0, 3), run
    return json.loads(run.stdout)


VALUES = [None, True, False, 0, 1, 2, 16, 4096, 65536, 10 ** 18, -1, '', 'a', 'a b', '.a', 'auto',
          'none', 'yes', 'no', 'on', '4', '2-5,8', '0-14:2', '+0-7', 'node:0', 'core:2-3', 'l3:0',
          '4-', 'node:', '5 s', '5  s', '5 ', '250µs', '1h30m', '5 k', '5 k/s', '2-5, 8', '4 ,8',
           '64KiB', '64kb', '1.5GiB', '64 KiB', '250us', '1.5s', '2MIN', '50',
          '1_000', '5M', '010', '-1', 'oldest', 'newest', 'sequence 4711', 'sequence x',
          'time 2026-01-31T12:00:00Z', 'durable', 'memory', 'spin', 'adaptive', 'posix', 'gap',
          'catch_up', 'l3', 'all', 'stdin', 'null', 'json', '10k/s', '10/m', 'x' * 15, 'x' * 16, 'x' * 33, 'x' * 201, [], [4, 5], ['4-6', 8], ['4-6, 8'], ['l3:0'],
          ['a'], [[]], {}, {'unknown': 1},
          {'file': 'a'}, {'file': 'a', 'follow': 'b'}, {'a b': 'c'}, {'a': []}]


# What one value does not show, or no pattern can say: judged by the library alone.
def beyond_schema(value, path, text):
    if 'power of two' in text or 'multiple of' in text or 'begins with a zero' in text:
        return True
    if 'too small' in text or 'too large' in text or 'not known here' in text:
        return isinstance(value, str)  # "64KiB": a pattern knows no ranges
    if 'bytes: at most' in text:
        return not isinstance(value, str)  # 19 digits are a name of 19 bytes
    if 'there is no topic' in text or 'there is no subscription' in text or 'second ' in text:
        return True
    if 'nothing becomes' in text or 'would come' in text:
        return True
    if 'there is no stage' in text or 'nothing feeds' in text or 'a ring into' in text:
        return True
    if 'has levels up to' in text or 'a transformer is a JSON object' in text or 'a hash term is a JSON object' in text:
        return True
    if 'leaves by packing' in text or 'another member' in text or 'a way round' in text or 'the ring is refused' in text:
        return True
    if 'a priority' in text or 'a sink has one of' in text or 'needs one of' in text:
        return True
    if 'this is of ' in text or 'has no fields' in text or 'null writes nothing' in text:
        return True
    if 'progress' in text or 'no sink for them' in text or 'need a file each' in text:
        return True
    if 'only a queue' in text or 'events are in order' in text or 'a queue leaves' in text or 'all queues together' in text:
        return True
    if 'it needs a token' in text or 'it does not say where to listen' in text:
        return True
    if 'this is no address' in text:
        return True
    if 'a bridge' in text or 'idempotency' in text or 'keys of this topic' in text:
        return True
    if 'nobody looks at it' in text or 'there is none, and' in text or 'may have signed' in text:
        return True
    if 'where its events go' in text or 'whole seconds' in text or 'is declared' in text:
        return True
    if 'cannot be made' in text or 'taken for dead' in text or 'less than retry_min' in text:
        return True
    if 'less than retry_min' in text or 'a certificate and its key' in text or 'which certificate it is' in text:
        return True
    if 'a retention of its own' in text or 'the journal keeps nothing' in text or 'the journal does not keep' in text:
        return True
    if 'compacted' in text or '1024 keys' in text:
        return True
    if 'given up in silence' in text or 'delay_max' in text:
        return True
    # Patterns are compiled.
    if text.split(':')[0] in ('headers', 'eventbridge', 'sns_attributes', 'sns_body', 'eventbridge_headers'):
        return True
    return 'exceeds' in text or 'and limits.' in text


def keys(s, path):
    for name, one in s.get('properties', {}).items():
        yield path + [name], one
        yield from keys(one, path + [name])
        if 'items' in one:
            yield from keys(one['items'], path + [name, 0])
        for either in one.get('anyOf', []):
            yield from keys(either, path + [name])


# A bridge as one of each kind has to be, so that only the value is judged.
BRIDGES = {
    'to': {'name': 'b', 'subscription': 's'},
    'from': {'name': 'b', 'topic': 'a', 'positions': 'p'},
    'kafka': {'properties': {'bootstrap.servers': 'k'}},
    'rabbitmq': {},
}


def bridge_with(path, value):
    inner = [step for step in path if step != 0]
    way = inner[0] if inner[0] in ('to', 'from') else 'to'
    if inner[0] in ('topic', 'positions'):
        way = 'from'
    system = inner[1] if len(inner) > 2 else 'kafka'
    of_system = dict(BRIDGES[system])
    if way == 'from':
        of_system.update({'topics': ['t']} if system == 'kafka' else {'queue': 'q'})
    bridge = dict(BRIDGES[way])
    if system == 'rabbitmq':
        bridge.pop('positions', None)
    bridge[way] = {system: of_system}
    at = bridge
    for step in inner[:-1]:
        at = at.setdefault(step, {})
    at[inner[-1]] = value
    return {'journal': {'dir': 'x'}, 'limits': {'versioned_keys': 9, 'idempotency_keys': 9},
            'topics': [{'name': 'a', 'idempotency': {'keys': 9}},
                       {'name': 'p', 'versioned_keys': 9}],
            'subscriptions': [{'name': 's', 'topics': ['a']}], 'bridges': [bridge]}


def document_with(path, value):
    if path[0] == 'bridges' and len(path) > 1:
        return bridge_with(path[1:], value)
    # What must be there besides, so that only the value is judged.
    needed = {'journal': {'dir': 'x'}, 'topics': {'name': 'a'},
              'subscriptions': {'name': 's', 'topics': ['a']},
              'bindings': {'name': 'b', 'source': 'y', 'target': 'z',
                           'transform': '{"Input": "1"}'},
              'sources': {'name': 'i', 'topic': 'a', 'from': 'stdin'},
              'stages': {'name': 'a', 'source': True},
              'rings': {'from': ['a'], 'to': 'b', 'slot': 8}}
    document = {}
    if path[0] in ('subscriptions', 'sources', 'bench'):
        document['topics'] = [{'name': 'a'}]
    if path[0] == 'bindings':
        document['topics'] = [{'name': name} for name in 'ayz']
    if path[0] == 'bench':
        document['journal'] = {'dir': 'x'}
    if path[0] == 'rings':
        document['stages'] = [{'name': 'a', 'source': True}, {'name': 'b'}]
    at = document
    for i, step in enumerate(path[:-1]):
        if isinstance(step, int):
            continue
        base = dict(needed.get(step, {})) if i == 0 else {}
        inner = base
        at[step] = [base] if i + 1 < len(path) and path[i + 1] == 0 else base
        at = inner
    at[path[-1]] = value
    return document


cases = [(path, value, document_with(path, value))
         for path, one in keys(schema, []) for value in VALUES]
verdicts = judged([document for path, value, document in cases])
wrong = {}
for (path, value, document), texts in zip(cases, verdicts):
    found = wrong.setdefault('.'.join(map(str, path)), [])
    by_schema = valid(document, schema)
    if reference is not None and reference.is_valid(document) != by_schema:
        found.append('python3-jsonschema judges otherwise: %r' % (value,))
    by_weir = not texts
    if by_schema != by_weir and not (by_schema and
                                     all(beyond_schema(value, path, t) for t in texts)):
        found.append('%r: the schema says %s, weir %s %s' % (value, by_schema, by_weir, texts))
    # One that is wrong nearly everywhere, and one that is not, by turns.
    if value == (VALUES[-1] if len(wrong) % 2 else 'durable'):
        report = judged_by_command(document)
        said = [d['text'] for d in report['diagnostics'] if d['severity'] == 'error']
        if said != texts or report['ok'] != by_weir:
            found.append('%r: weir config check says %s, the library %s' % (value, said, texts))
for number, (name, lines) in enumerate(wrong.items(), 1):
    print('%s %d - %s' % ('not ok' if lines else 'ok', number, name))
    for line in lines:
        print('# ' + line)
print('1..%d' % len(wrong))
sys.exit(any(wrong.values()))
