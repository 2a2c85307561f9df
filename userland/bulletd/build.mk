# SPDX-License-Identifier: GPL-2.0-or-later
bulletd_pkgs := libsystemd
bulletd_sbin := 1
