# SPDX-License-Identifier: GPL-2.0-or-later
dird_libs := -llmdb
dird_pkgs := libsystemd
dird_sbin := 1
