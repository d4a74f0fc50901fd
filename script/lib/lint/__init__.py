# SPDX-License-Identifier: Apache-2.0
"""lint: the rules of the house that can be read off the files. Standard library only.

tree.py holds the files, c_rules.py and text_rules.py the rules, selftest.py proves that they bite.
"""
