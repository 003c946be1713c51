#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Goal:   `weir serve --journal` speaks as Confluent's schema registry does, and what it was told is
#         in the log when it is started again.
# Method: a table of requests in their order, each with the status and the body that are to come
#         back; then the same server read-only; then questions of the first table once more.
#         usage: check_registry.py WEIR
import json
import os
import sys

from serve_bed import Folder, Server, Tap, same

weir = sys.argv[1]


def record(*fields, name='order'):
    return json.dumps({'type': 'record', 'name': name, 'fields': list(fields)},
                      separators=(',', ':'))


ID = {'name': 'id', 'type': 'long'}
NOTE = {'name': 'note', 'type': 'string', 'default': ''}
V1 = record(ID)
V2 = record(ID, NOTE)
BAD = record(ID, {'name': 'must', 'type': 'string'})
LINE = record({'name': 'of', 'type': 'order'}, name='line')
REF = [{'name': 'order', 'subject': 'orders', 'version': 1}]
SOFT = "Subject 'orders' Version 2 was soft deleted.Set permanent=true to delete permanently"


def error(code, message=None):
    """The error code, and the message or how it begins."""
    def check(body):
        same(sorted(body), ['error_code', 'message'])
        same(body['error_code'], code)
        if message is not None and not body['message'].startswith(message):
            raise AssertionError(f'{body["message"]!r} does not begin with {message!r}')
    return check


def schema(text, **more):
    return {'schema': text, **more}


def version(subject, number, schema_id, text, **more):
    return {'subject': subject, 'version': number, 'id': schema_id, 'schema': text, **more}


def incompatible(body):
    error(409, 'Schema being registered is incompatible with an earlier schema for subject '
               '"orders", details: READER_FIELD_MISSING_DEFAULT_VALUE /fields/1')(body)


def explained(body):
    same(body['is_compatible'], False)
    same(len(body['messages']), 1)
    if not body['messages'][0].startswith("{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE'"):
        raise AssertionError(body['messages'])


# method, path, body, status, answer (a value, or a function that looks at it)
TABLE = [
    ('GET', '/', None, 200, {}),
    ('GET', '/health', None, 200, {'status': 'ok', 'token': True}),
    ('GET', '/ready', None, 200, {'status': 'ready'}),
    ('GET', '/subjects', None, 200, []),
    ('GET', '/schemas/types', None, 200, ['JSON', 'AVRO']),
    ('GET', '/contexts', None, 200, ['.']),
    ('GET', '/mode', None, 200, {'mode': 'READWRITE'}),
    ('GET', '/config', None, 200, {'compatibilityLevel': 'BACKWARD'}),
    # Nothing there yet.
    ('GET', '/subjects/orders/versions', None, 404, error(40401, "Subject 'orders' not found.")),
    ('GET', '/subjects/orders/versions/1', None, 404, error(40401)),
    ('POST', '/subjects/orders', schema(V1), 404, error(40401)),
    ('GET', '/schemas/ids/1', None, 404, error(40403, 'Schema 1 not found')),
    ('GET', '/schemas/ids/one', None, 404, error(404)),
    ('POST', '/compatibility/subjects/orders/versions/latest', schema(V1), 200,
     {'is_compatible': True}),
    ('POST', '/compatibility/subjects/orders/versions/3', schema(V1), 404, error(40402)),
    # Register, again, look up.
    ('POST', '/subjects/orders/versions', schema(V1), 200, {'id': 1}),
    ('POST', '/subjects/orders/versions', schema(V1, schemaType='AVRO', references=[]), 200,
     {'id': 1}),
    ('POST', '/subjects/orders/versions', schema(json.dumps(json.loads(V1), indent=2)), 200,
     {'id': 1}),
    ('POST', '/subjects/orders', schema(V1), 200, version('orders', 1, 1, V1)),
    ('POST', '/subjects/orders', schema(V2), 404, error(40403, 'Schema not found')),
    ('GET', '/subjects', None, 200, ['orders']),
    ('GET', '/subjects/orders/versions', None, 200, [1]),
    ('GET', '/subjects/orders/versions/1', None, 200, version('orders', 1, 1, V1)),
    ('GET', '/subjects/orders/versions/latest', None, 200, version('orders', 1, 1, V1)),
    ('GET', '/subjects/orders/versions/-1', None, 200, version('orders', 1, 1, V1)),
    ('GET', '/subjects/orders/versions/1/schema', None, 200, json.loads(V1)),
    ('GET', '/subjects/orders/versions/7', None, 404, error(40402, 'Version 7 not found.')),
    ('GET', '/subjects/orders/versions/0', None, 422,
     error(42202, "The specified version '0' is not a valid version id.")),
    ('GET', '/subjects/orders/versions/newest', None, 422, error(42202)),
    ('GET', '/schemas/ids/1', None, 200, {'schema': V1}),
    ('GET', '/schemas/ids/1/schema', None, 200, json.loads(V1)),
    ('GET', '/schemas/ids/1/subjects', None, 200, ['orders']),
    ('GET', '/schemas/ids/1/versions', None, 200, [{'subject': 'orders', 'version': 1}]),
    # Versions and what they must not be.
    ('POST', '/compatibility/subjects/orders/versions/latest', schema(V2), 200,
     {'is_compatible': True}),
    ('POST', '/compatibility/subjects/orders/versions/1?verbose=true', schema(BAD), 200,
     explained),
    ('POST', '/compatibility/subjects/orders/versions', schema(BAD), 200,
     {'is_compatible': False}),
    ('POST', '/subjects/orders/versions', schema(BAD), 409, incompatible),
    ('POST', '/subjects/orders/versions', schema(V2), 200, {'id': 2}),
    ('GET', '/subjects/orders/versions', None, 200, [1, 2]),
    ('GET', '/schemas/ids/2?fetchMaxId=true', None, 200, {'schema': V2, 'maxId': 2}),
    # References.
    ('POST', '/subjects/lines/versions', schema(LINE), 422, error(42201)),
    ('POST', '/subjects/lines/versions', schema(LINE, references=REF), 200, {'id': 3}),
    ('GET', '/schemas/ids/3', None, 200, {'schema': LINE, 'references': REF}),
    ('POST', '/subjects/lines', schema(LINE, references=REF), 200,
     version('lines', 1, 3, LINE, references=REF)),
    ('GET', '/subjects/orders/versions/1/referencedby', None, 200, [3]),
    ('GET', '/subjects/orders/versions/2/referencedby', None, 200, []),
    ('DELETE', '/subjects/orders/versions/1', None, 422, error(42206)),
    ('POST', '/subjects/a%2Eb/versions', schema(V1), 200, {'id': 1}),
    ('GET', '/subjects', None, 200, ['a.b', 'lines', 'orders']),
    ('GET', '/subjects?subjectPrefix=l', None, 200, ['lines']),
    ('GET', '/subjects?offset=1&limit=1', None, 200, ['lines']),
    ('GET', '/subjects?offset=2', None, 200, ['orders']),
    ('GET', '/subjects?offset=3', None, 200, []),
    ('GET', '/schemas/ids/1/subjects', None, 200, ['a.b', 'orders']),
    ('GET', '/schemas?subjectPrefix=or&latestOnly=true', None, 200,
     [version('orders', 2, 2, V2)]),
    # Levels.
    ('GET', '/config/orders', None, 404, error(40408)),
    ('GET', '/config/orders?defaultToGlobal=true', None, 200, {'compatibilityLevel': 'BACKWARD'}),
    ('PUT', '/config/orders', {'compatibility': 'full_transitive'}, 200,
     {'compatibility': 'FULL_TRANSITIVE'}),
    ('GET', '/config/orders', None, 200, {'compatibilityLevel': 'FULL_TRANSITIVE'}),
    ('PUT', '/config/orders', {'compatibility': 'SOME'}, 422, error(42203)),
    ('PUT', '/config', {'compatibility': 'FORWARD'}, 200, {'compatibility': 'FORWARD'}),
    ('GET', '/config', None, 200, {'compatibilityLevel': 'FORWARD'}),
    ('DELETE', '/config/orders', None, 200, {'compatibilityLevel': 'FULL_TRANSITIVE'}),
    ('DELETE', '/config/orders', None, 404, error(40401)),
    ('DELETE', '/config', None, 200, {'compatibilityLevel': 'FORWARD'}),
    ('GET', '/config', None, 200, {'compatibilityLevel': 'BACKWARD'}),
    ('PUT', '/mode', {'mode': 'READWRITE'}, 200, {'mode': 'READWRITE'}),
    ('PUT', '/mode', {'mode': 'IMPORT'}, 422, error(42205)),
    ('PUT', '/mode', {'mode': 'SOME'}, 422, error(42204)),
    ('GET', '/mode/orders', None, 404, error(40409)),
    # Deletions: a mark, then for good.
    ('DELETE', '/subjects/orders/versions/2?permanent=true', None, 404,
     error(40407, "Subject 'orders' Version 2 was not deleted first")),
    ('DELETE', '/subjects/orders/versions/2', None, 200, 2),
    ('DELETE', '/subjects/orders/versions/2', None, 404, error(40406, SOFT)),
    ('GET', '/subjects/orders/versions/2', None, 404, error(40402)),
    ('GET', '/subjects/orders/versions/2?deleted=true', None, 200,
     version('orders', 2, 2, V2, deleted=True)),
    ('GET', '/subjects/orders/versions?deletedOnly=true', None, 200, [2]),
    ('GET', '/schemas/ids/2', None, 200, {'schema': V2}),
    ('POST', '/subjects/orders?deleted=true', schema(V2), 200,
     version('orders', 2, 2, V2, deleted=True)),
    ('DELETE', '/subjects/orders/versions/2?permanent=true', None, 200, 2),
    ('DELETE', '/subjects/orders/versions/2?permanent=true', None, 404, error(40402)),
    ('DELETE', '/subjects/a.b?permanent=true', None, 404, error(40405)),
    ('DELETE', '/subjects/a.b', None, 200, [1]),
    ('DELETE', '/subjects/a.b', None, 404, error(40404)),
    ('DELETE', '/subjects/a.b?permanent=true', None, 200, [1]),
    ('DELETE', '/subjects/a.b', None, 404, error(40401)),
    # Bodies that are none.
    ('POST', '/subjects/x/versions', b'', 400, error(400)),
    ('POST', '/subjects/x/versions', b'{"schema":', 400, error(400)),
    ('POST', '/subjects/x/versions', b'[]', 400, error(400)),
    ('POST', '/subjects/x/versions', {}, 422, error(42201)),
    ('POST', '/subjects/x/versions', schema(17), 422, error(42201)),
    ('POST', '/subjects/x/versions', schema('{"type":"recrd"}'), 422, error(42201)),
    ('POST', '/subjects/x/versions', schema(V1, schemaType='PROTOBUF'), 422,
     error(42201, 'Invalid schema type PROTOBUF')),
    ('POST', '/subjects/x/versions', schema(V1, schemaType='json'), 422, error(42201)),
    ('POST', '/subjects/x/versions', schema(V1, schemaType=7), 422, error(42201)),
    ('POST', '/subjects/x/versions', schema(V1, id=7), 422, error(42205)),
    ('POST', '/subjects/x/versions', schema(V1, id=-1, version=None), 200, {'id': 1}),
    ('POST', '/subjects/x/versions', schema(V1, ruleSet={'domainRules': []}), 422, error(42210)),
    ('POST', '/subjects/x/versions', schema(V1, metadata={}), 422, error(42201)),
    ('POST', '/subjects/x/versions', schema(V1, references=[{'name': {'name': 1}}]), 422,
     error(42201)),
    ('POST', '/subjects/x/versions', schema(V1, references=REF * 33), 422, error(42201)),
    ('POST', '/subjects/a%2Fb/versions', schema(V1), 422, error(42208)),
    ('POST', '/subjects/%C3%A4/versions', schema(V1), 422, error(42208)),
    ('POST', '/subjects/a%00b/versions', schema(V1), 400, error(400)),
    ('POST', '/subjects/a%2/versions', schema(V1), 400, error(400)),
    ('GET', '/subjects/%22%0A/versions', None, 404, error(40401)),
    ('GET', '/subjects/orders/nothing', None, 404, error(404)),
    ('PATCH', '/subjects', None, 405, error(405)),
    ('DELETE', '/subjects', None, 405, error(405)),
]

# JSON Schemas, behind all of that: ids go on.
J1 = json.dumps({'type': 'object', 'properties': {'id': {'type': 'integer'}},
                 'additionalProperties': False}, separators=(',', ':'))
J2 = json.dumps({'type': 'object', 'properties': {'id': {'type': 'number'}, 'n': {}},
                 'additionalProperties': False}, separators=(',', ':'))
J_BAD = json.dumps({'type': 'object', 'properties': {'id': {'type': 'string'}},
                    'additionalProperties': False}, separators=(',', ':'))
J_REF = json.dumps({'type': 'array', 'items': {'$ref': 'one.json#/properties/id'}},
                   separators=(',', ':'))
ONE = [{'name': 'one.json', 'subject': 'j', 'version': 1}]


def as_json(text, **more):
    return schema(text, schemaType='JSON', **more)


def json_version(subject, number, schema_id, text, **more):
    return version(subject, number, schema_id, text, schemaType='JSON', **more)


def json_incompatible(body):
    error(409, 'Schema being registered is incompatible with an earlier schema for subject "j", '
               'details: TYPE_CHANGED /properties/id')(body)


JSON = [
    ('POST', '/subjects/j/versions', as_json(J1), 200, {'id': 4}),
    ('POST', '/subjects/j/versions', as_json(json.dumps(json.loads(J1), indent=1)), 200, {'id': 4}),
    ('GET', '/subjects/j/versions/1', None, 200, json_version('j', 1, 4, J1)),
    ('GET', '/schemas/ids/4', None, 200, {'schema': J1, 'schemaType': 'JSON'}),
    ('GET', '/schemas/ids/4/schema', None, 200, json.loads(J1)),
    ('POST', '/subjects/j', as_json(J1), 200, json_version('j', 1, 4, J1)),
    ('POST', '/subjects/j', as_json(J2), 404, error(40403)),
    ('POST', '/compatibility/subjects/j/versions/latest', as_json(J2), 200,
     {'is_compatible': True}),
    ('POST', '/compatibility/subjects/j/versions/latest', as_json(J_BAD), 200,
     {'is_compatible': False}),
    ('POST', '/compatibility/subjects/j/versions', schema(V1), 200, {'is_compatible': False}),
    ('POST', '/subjects/j/versions', as_json(J_BAD), 409, json_incompatible),
    ('POST', '/subjects/j/versions', as_json(J2), 200, {'id': 5}),
    ('POST', '/subjects/j-refs/versions', as_json(J_REF), 422, error(42201)),
    ('POST', '/subjects/j-refs/versions', as_json(J_REF, references=ONE), 200, {'id': 6}),
    ('GET', '/subjects/j-refs/versions/1', None, 200,
     json_version('j-refs', 1, 6, J_REF, references=ONE)),
    ('GET', '/subjects/j/versions/1/referencedby', None, 200, [6]),
    ('DELETE', '/subjects/j', None, 422, error(42206)),
    ('POST', '/subjects/j-refs/versions', as_json(J_REF, references=REF), 422, error(42201)),
    ('POST', '/subjects/j-pattern/versions', as_json('{"pattern":"^a"}'), 422, error(42201)),
    # One text, two formats: two schemas.
    ('POST', '/subjects/both/versions', schema('{"type":"string"}'), 200, {'id': 7}),
    ('POST', '/subjects/both-j/versions', as_json('{"type":"string"}'), 200, {'id': 8}),
    ('POST', '/subjects/both', as_json('{"type":"string"}'), 404, error(40403)),
]

AGAIN = [
    ('GET', '/subjects', None, 200, ['both', 'both-j', 'j', 'j-refs', 'lines', 'orders', 'x']),
    ('GET', '/subjects/j-refs/versions/latest', None, 200,
     json_version('j-refs', 1, 6, J_REF, references=ONE)),
    ('GET', '/subjects/orders/versions', None, 200, [1]),
    ('GET', '/schemas/ids/2', None, 200, {'schema': V2}),
    ('GET', '/mode', None, 200, {'mode': 'READONLY'}),
    ('POST', '/subjects/orders', schema(V1), 200, version('orders', 1, 1, V1)),
    ('POST', '/compatibility/subjects/orders/versions/latest', schema(V2), 200,
     {'is_compatible': True}),
    ('POST', '/subjects/orders/versions', schema(V2), 422, error(42205)),
    ('DELETE', '/subjects/orders', None, 422, error(42205)),
    ('PUT', '/config', {'compatibility': 'NONE'}, 422, error(42205)),
]


def ask_all(server, table):
    for method, path, body, status, wanted in table:
        got, headers, answer = server.ask(method, path, body)
        try:
            same(got, status)
            if callable(wanted):
                wanted(answer)
            else:
                same(answer, wanted)
            if path.startswith(('/subjects', '/schemas', '/config')) and '%' not in path and \
                    'nothing' not in path and got != 405:
                same(headers['content-type'], 'application/vnd.schemaregistry.v1+json')
        except AssertionError as e:
            raise AssertionError(f'{method} {path} {body}: {e} (status {got}, {answer})') from e


def registry(folder):
    """the registry's addresses answer as Confluent's do"""
    server = Server(weir, '--journal', folder + '/j', '--create', '--writable')
    ask_all(server, TABLE)
    ask_all(server, JSON)
    status, headers, _ = server.ask('GET', '/subjects', headers={'Accept': 'application/json'})
    same((status, headers['content-type']), (200, 'application/json'))
    same(server.stop(), (0, ''))


def again(folder):
    """after a restart all of it is there, and a read-only server changes nothing"""
    server = Server(weir, '--journal', folder + '/j', '--no-token')
    ask_all(server, AGAIN)
    same(server.stop(), (0, ''))


with Folder() as path:
    tap = Tap()
    tap.run(registry, path)
    tap.run(again, path)
    tap.end()
