#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
#
# gen-tables.py - write amcap_des_tables.h and amcap_port_tables.h
#
# The inputs are the tables of FIPS 46 and those of Amoeba's 48-bit one-way function; the outputs
# are combined for speed (S-box with P, permutations by groups of bits). Bits are numbered from
# the least significant throughout: bit i of FIPS 46 (from 1) is bit i-1 of a word, the first bit
# of a six-bit group is its bit 0. The results are committed, so that neither a kernel tree nor a
# user needs Python; run it again after a change: ./gen-tables.py, and look at git diff.

import os
import sys

PC1 = [57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18,
       10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
       63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22,
       14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4]
PC2 = [14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10,
       23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
       41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48,
       44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32]
P = [16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10,
     2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25]
S = [
    [14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7,
     0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12, 11, 9, 5, 3, 8,
     4, 1, 14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0,
     15, 12, 8, 2, 4, 9, 1, 7, 5, 11, 3, 14, 10, 0, 6, 13],
    [15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10,
     3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1, 10, 6, 9, 11, 5,
     0, 14, 7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15,
     13, 8, 10, 1, 3, 15, 4, 2, 11, 6, 7, 12, 0, 5, 14, 9],
    [10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8,
     13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5, 14, 12, 11, 15, 1,
     13, 6, 4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7,
     1, 10, 13, 0, 6, 9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12],
    [7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15,
     13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2, 12, 1, 10, 14, 9,
     10, 6, 9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4,
     3, 15, 0, 6, 10, 1, 13, 8, 9, 4, 5, 11, 12, 7, 2, 14],
    [2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9,
     14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15, 10, 3, 9, 8, 6,
     4, 2, 1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14,
     11, 8, 12, 7, 1, 14, 2, 13, 6, 15, 0, 9, 10, 4, 5, 3],
    [12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11,
     10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13, 14, 0, 11, 3, 8,
     9, 14, 15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6,
     4, 3, 2, 12, 9, 5, 15, 10, 11, 14, 1, 7, 6, 0, 8, 13],
    [4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1,
     13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5, 12, 2, 15, 8, 6,
     1, 4, 11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2,
     6, 11, 13, 8, 1, 4, 10, 7, 9, 5, 0, 15, 14, 2, 3, 12],
    [13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7,
     1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6, 11, 0, 14, 9, 2,
     7, 11, 4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8,
     2, 1, 14, 7, 4, 10, 8, 13, 15, 12, 9, 0, 3, 5, 6, 11],
]

# Amoeba's own, numbered from 0: output bit i is input bit TABLE[i]
FP48 = [16, 14, 13, 8, 38, 33, 19, 20, 23, 45, 15, 21, 6, 42, 26, 46,
        22, 5, 32, 30, 12, 37, 41, 0, 40, 24, 27, 1, 17, 11, 25, 44,
        9, 43, 2, 34, 36, 4, 29, 35, 18, 10, 7, 31, 3, 39, 47, 28]
E48 = [22, 15, 12, 3, 8, 2, 23, 16, 14, 13, 9, 10, 0, 1, 21, 19,
       18, 6, 11, 7, 17, 4, 20, 5, 5, 17, 11, 13, 12, 14, 8, 7,
       19, 22, 18, 9, 3, 4, 1, 6, 16, 2, 20, 15, 10, 23, 0, 21]
P48 = [3, 13, 9, 12, 8, 20, 21, 7, 5, 23, 16, 1, 14, 18, 4, 15,
       22, 10, 2, 0, 11, 19, 17, 6]


def scatter(sources, lo, width):
    """Table over `width` bits from `lo`: which output bits they give. sources[i] is the input bit
    of output bit i."""
    table = []
    for v in range(1 << width):
        out = 0
        for i, src in enumerate(sources):
            if src is not None and lo <= src < lo + width and v >> (src - lo) & 1:
                out |= 1 << i
        table.append(out)
    return table


def groups(bits):
    """Spread a list of input bits over bytes, six to a byte."""
    out = []
    for i in range(0, len(bits), 6):
        out += bits[i:i + 6] + [None, None]
    return out


def sbox(box, index):
    """Output of an S-box for a group whose first bit is bit 0; first output bit in bit 0."""
    bit = [index >> i & 1 for i in range(6)]
    row = bit[0] << 1 | bit[5]
    col = bit[1] << 3 | bit[2] << 2 | bit[3] << 1 | bit[4]
    v = S[box][row * 16 + col]
    return [v >> 3 & 1, v >> 2 & 1, v >> 1 & 1, v & 1]


def sp(box, perm):
    table = []
    for index in range(64):
        f = [0] * 32
        f[4 * box:4 * box + 4] = sbox(box, index)
        table.append(sum(f[src] << i for i, src in enumerate(perm)))
    return table


def emit(out, comment, name, ctype, tables, digits, per_line):
    dims = "[%d][%d]" % (len(tables), len(tables[0]))
    out.append("/* %s */" % comment)
    out.append("%s %s%s = {" % (ctype, name, dims))
    for t in tables:
        out.append("\t{")
        for i in range(0, len(t), per_line):
            suffix = "ULL" if digits > 8 else ""
            out.append("\t\t" + " ".join("0x%0*x%s," % (digits, v, suffix)
                                         for v in t[i:i + per_line]))
        out.append("\t},")
    out.append("};")
    out.append("")


def header(name, body):
    text = ["/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */",
            "/* generated by gen-tables.py, do not edit */", ""] + body
    with open(os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), name), "w") as f:
        f.write("\n".join(text).rstrip("\n") + "\n")


pc1 = [i - 1 for i in PC1[:28]] + [None] * 4 + [i - 1 for i in PC1[28:]]
pc2c = groups([i - 1 for i in PC2[:24]])
pc2d = groups([i - 29 for i in PC2[24:]])

out = []
emit(out, "PC-1 by four bits of the key: C in bits 0-27, D in bits 32-59",
     "amcap_des_pc1", "static const u64",
     [scatter(pc1, lo, 4) for lo in range(0, 64, 4)], 16, 3)
emit(out, "first half of PC-2 by seven bits of C: groups 1-4 of a round key, a byte each",
     "amcap_des_pc2c", "const u32",
     [scatter(pc2c, lo, 7) for lo in range(0, 28, 7)], 8, 6)
emit(out, "second half of PC-2 by seven bits of D: groups 5-8 of a round key",
     "amcap_des_pc2d", "const u32",
     [scatter(pc2d, lo, 7) for lo in range(0, 28, 7)], 8, 6)
emit(out, "S-boxes 1-8, then P", "amcap_des_sp", "static const u32",
     [sp(box, [i - 1 for i in P]) for box in range(8)], 8, 6)
header("amcap_des_tables.h", out)

# P48 picks from the outputs of S-boxes 1-6 alone: a sixth of a byte each, 36 bits of E48
assert max(P48) < 24
out = []
emit(out, "expansion by six bits of R: inputs of S-boxes 1-6, a byte each",
     "amcap_port_e", "static const u64",
     [scatter(groups(E48[:36]), lo, 6) for lo in range(0, 24, 6)], 12, 4)
emit(out, "S-boxes 1-6, then the permutation of 24 bits", "amcap_port_sp", "static const u32",
     [sp(box, P48) for box in range(6)], 6, 8)
emit(out, "final permutation by four bits", "amcap_port_fp", "static const u64",
     [scatter(FP48, lo, 4) for lo in range(0, 48, 4)], 12, 4)
header("amcap_port_tables.h", out)
