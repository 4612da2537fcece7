"""The catalogue: one file per boot failure.

A rule is a module in one of the folders here.  It holds ``RULE``, ``detect``, ``repair`` and ``break_``,
and lies beside its article of the same name.  Adding a failure means adding these two files.
"""

from bootmend.catalog.index import RuleModule, article_text, find_rule, rule_modules, rule_places, rules_named

__all__ = ["RuleModule", "article_text", "find_rule", "rule_modules", "rule_places", "rules_named"]
