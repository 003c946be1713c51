#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# A file's bytes as a C source: embed.py NAME IN OUT. For the build.
import sys

name, source, target = sys.argv[1:4]
with open(source, 'rb') as f:
    data = f.read()
with open(target, 'w') as f:
    f.write(f'#include "io/http/page.h"\n\nconst size_t {name}_bytes = {len(data)};\n'
            f'const unsigned char {name}[] = {{\n')
    for at in range(0, len(data), 20):
        f.write('\t' + ','.join(map(str, data[at:at + 20])) + ',\n')
    f.write('};\n')
