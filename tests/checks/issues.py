#!/usr/bin/python3
"""Every issue that an answer may name has a Russian text: each expression that makes one, in the sources that answers come from, is in a table of translations."""

import re
import unittest

from sources import ROOT, tracked_cpp

# In the order in which a surface looks through them.
TABLES = ("api/surfaces/replyx/errors.cc", "api/endpoint/issues.cc")
FOLDERS = {"api", "domain", "schemas"}
ROW = re.compile(r'\{("(?:[^"\\]|\\.)*"),\s*"')
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
# Where an issue is made, and which argument it is.
MAKERS = re.compile(r"(?<![\w.])(?:(?P<first>problem\(|refused\((?=\x22|fmt::format\()|ParseError\{)|fault_at\(|(?P<second>invalid\(|unsupported\(|malformed\(|Problem\{|InvalidField\{|k[A-Z]\w+,\s*\{)|"
                    r"(?P<third>(?<!auto )last_id\()|(?P<fourth>(?:Refusal k\w+|return )\{(?=\d+, \x22))|(?P<assigned>refusal\.issue = ))")
# Texts for operators, and of what stands in the log: no answer repeats them.
OTHERS = {"schemas/codec.cc", "schemas/context_tables.h", "schemas/commands.cc", "schemas/replies.cc", "schemas/replies.h", "api/limits/address.cc", "api/tail/tail.cc"}
# Expressions that pass on an issue that was made elsewhere, or that the test cannot read: with what they stand for then.
PASSED_ON = {
    "std::move(p)": [],
    "std::move(error.issue)": [],
    "std::move(problem.issue)": [],
    "std::move(value.error().issue)": [],
    "std::move(inner.issue)": [],
    "document.error().issue": [],
    "std::move(typed->issue)": [],
    "std::move(typed.issue)": [],
    "call.body.email.issue": [],
    "std::move(issue)": ["must be one of a b"],
    "issue": ["must be one of a b"],
    "std::string(issue)": [],
    "bounded.issue()": ["must not be nested deeper than #", "must have at most # members and elements"],
    "http::cause_of_current_exception()": [],
    "*issue": ["must not contain the NUL character", "must not contain lone surrogates"],
}


def arguments(text, start):
    """The arguments of a call whose bracket is before `start`; nothing for a declaration."""
    depth, found, begin, at = 0, [], start, start
    while True:
        if text[at] == '"':
            at = LITERAL.match(text, at).end()
            continue
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            if depth == 0:
                return [*found, " ".join(text[begin:at].split())]
            depth -= 1
        elif text[at] == "," and depth == 0:
            found.append(" ".join(text[begin:at].split()))
            begin = at + 1
        at += 1


def alternatives(expression):
    """`a ? b : c` as [b, c]; an expression without a condition as itself."""
    bare = LITERAL.sub(lambda m: "_" * len(m[0]), expression)
    question = bare.find(" ? ")
    if question < 0:
        return [expression]
    colon = bare.find(" : ", question)
    return [expression[question + 3:colon], *alternatives(expression[colon + 3:])]


class Sources:
    def __init__(self):
        paths = [path for path in tracked_cpp() if path.parts[0] in FOLDERS and str(path) not in OTHERS]
        self.texts = {str(path): re.sub(r"(?<!:)//[^\n]*", "", (ROOT / path).read_text()) for path in paths}
        everything = "\n".join(self.texts.values())
        self.constants = {name: value for name, value in re.findall(r'\b(k\w+) =\s+"((?:[^"\\]|\\.)*)"', everything)}

    def issues(self):
        """[(where, issue or nothing, expression)]; a number in an issue is a #."""
        for path, text in self.texts.items():
            for maker in MAKERS.finditer(text):
                of_json = maker[0] == "fault_at("
                index = 0 if maker["first"] or maker["assigned"] else 2 if maker["third"] else 3 if maker["fourth"] else 1
                given = [text[maker.end():text.index(";", maker.end())]] if maker["assigned"] else arguments(text, maker.end())
                if len(given) <= index or re.match(r"(?:std::string(?:_view)?|schema::Problem) \w+$", given[index]):
                    continue  # a declaration, or a call that names no issue
                line = text.count("\n", 0, maker.start()) + 1
                for expression in alternatives(given[index]):
                    for issue in self.read(path, expression):
                        yield f"{path}:{line}", f"at byte #: {issue}" if of_json and issue else issue, expression

    def read(self, path, expression):
        """The texts that an expression may be; [None] for one that cannot be read."""
        if expression in PASSED_ON:
            return PASSED_ON[expression]
        texts = [""]
        for term in self.terms(expression):
            if literal := re.fullmatch(r'(?:"(?:[^"\\]|\\.)*"\s*)+', term):
                pieces = ["".join(LITERAL.findall(literal[0])).replace('\\"', '"')]
            elif term.startswith("fmt::format("):
                pieces = [self.formatted(arguments(term, len("fmt::format(")))]
            elif term.startswith("std::to_string("):
                pieces = ["#"]
            elif (constant := re.fullmatch(r"(?:std::string\()?(?:\w+::)*(k\w+)\)?", term)) and constant[1] in self.constants:
                pieces = [self.constants[constant[1]]]
            elif (function := re.match(r"(?:std::string\()?(\w+)\(", term)) and (pieces := self.returned_by(path, function[1])):
                pass
            elif texts != [""]:
                pieces = ["…"]  # what a person sent, after the words: the row has a * for it
            else:
                return [None]
            texts = [text + piece for text in texts for piece in pieces]
        return texts

    def formatted(self, given):
        """The text of fmt::format(): what is no constant of ours is a number."""
        values = iter(given[1:])
        return re.sub(r"\{\}", lambda _: self.constants.get(next(values).rpartition("::")[2], "#"), "".join(LITERAL.findall(given[0])).replace('\\"', '"'))

    def terms(self, expression):
        bare = LITERAL.sub(lambda m: "_" * len(m[0]), expression)
        begin = 0
        for plus in [*(at for at, c in enumerate(bare) if c == "+"), len(bare)]:
            yield expression[begin:plus].strip()
            begin = plus + 1

    def returned_by(self, path, function):
        """The literals that a function of the same file returns."""
        body = re.search(rf"\n[\w:<> ]*\b{function}\([^;{{]*\) (?:const )?{{\n(.*?)\n}}\n", self.texts[path], re.S)
        return re.findall(r'return "((?:[^"\\]|\\.)*)";', body[1]) if body else []


class Issues(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rows = [row[1:-1].replace('\\"', '"') for table in TABLES for row in ROW.findall((ROOT / table).read_text())]
        cls.found = list(Sources().issues())

    def matches(self, issue):
        """As api/endpoint/issues.cc matches: # is a number, * at the end is whatever follows."""
        return any(re.fullmatch(re.escape(row).replace(r"\#", r"(?:\#|\d+)").replace(r"\*", ".*"), issue) for row in self.rows)

    def test_each_can_be_read_out_of_the_sources(self):
        self.assertGreater(len(self.found), 50)
        self.assertEqual([(where, expression) for where, issue, expression in self.found if issue is None], [],
                         "write the issue as literals where it is made, or say in PASSED_ON what it may be")

    def test_each_has_a_russian_text(self):
        self.assertEqual([(where, issue) for where, issue, _ in self.found if issue is not None and not self.matches(issue)], [], f"add a row to one of {TABLES}")

    def test_none_is_made_where_nobody_looks(self):
        made = {issue for _, issue, _ in self.found if issue is not None}
        lost = [(path, literal) for path, text in Sources().texts.items() for literal in LITERAL.findall(text)
                if re.match(r"(?:must|cannot) ", literal) and path not in TABLES and not any(issue.startswith(literal.replace('\\"', '"').replace("{}", "#")) for issue in made)]
        self.assertEqual(lost, [], "teach MAKERS how it is made")

    def test_a_row_is_found_before_a_wider_one(self):
        """The first row that matches is taken: none may stand behind one that takes everything it could."""
        for at, row in enumerate(self.rows):
            sample = row.replace("#", "7").replace("*", "x")
            earlier = [other for other in self.rows[:at] if re.fullmatch(re.escape(other).replace(r"\#", r"\d+").replace(r"\*", ".*"), sample)]
            self.assertEqual(earlier, [], row)


if __name__ == "__main__":
    unittest.main()
