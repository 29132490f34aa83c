"""Why @huggingface/jinja writes something else than transformers and we do: a row per cause, each with an experiment
that can fail. A row explains a difference where, helped over that cause alone, the one engine writes exactly what the
other wrote without help: the template or the conversation is rewritten for it, nothing else.
"""
import copy
import dataclasses
import json
import re
from typing import Callable


def as_json(value):
    """What @huggingface/jinja prints of a list or dict."""
    return json.dumps(value, ensure_ascii=False)


def messages_with(change):
    """A rewrite that changes every message in place."""
    def rewrite(template, variables):
        variables = copy.deepcopy(variables)
        for message in variables["messages"]:
            change(message)
        return template, variables
    return rewrite


def json_for_lists(message):
    if isinstance(message["content"], list):
        message["content"] = as_json(message["content"])


def javascript_text_for_containers(message):
    """JavaScript's own String() of a list or Map."""
    if isinstance(message["content"], list):
        message["content"] = ",".join(map(as_json, message["content"]))
    for call in message.get("tool_calls", []):
        if isinstance(call["function"]["arguments"], dict):
            call["function"]["arguments"] = "[object Map]"


def python_text_for_content(message):
    if not isinstance(message["content"], str):
        message["content"] = str(message["content"])


def nothing_for_none(message):
    message["content"] = "" if message["content"] is None else message["content"]


def no_calls_for_missing(message):
    message.setdefault("tool_calls", [])


def variables_with(**changes):
    """A rewrite that puts `change(value)` in the place of a variable."""
    def rewrite(template, variables):
        return template, {**variables, **{name: change(variables.get(name)) for name, change in changes.items()}}
    return rewrite


def texts_of(tools):
    return tools and [str(tool) for tool in tools]


def template_with(pattern, replacement):
    """A rewrite of every place in the template."""
    def rewrite(template, variables):
        return re.sub(pattern, replacement, template, flags=re.MULTILINE), variables
    return rewrite


def both(*rewrites):
    def rewrite(template, variables):
        for one in rewrites:
            template, variables = one(template, variables)
        return template, variables
    return rewrite


def repeated_literals(template, variables):
    """("X" * n) written out, where the template gives n a default."""
    def by_hand(found):
        count = re.search(found[2] + r" \| default\((\d+)", template)
        return '"' + found[1] * int(count[1]) + '"' if count else found[0]
    return re.sub(r'\("([^"]+)" \* (\w+)\)', by_hand, template), variables


@dataclasses.dataclass
class Cause:
    words: str
    theirs: str | None  # what their error matches; None: they render
    ours: str | None    # the same of ours
    helped: str         # which engine gets the rewritten question: "ours" or "theirs"
    rewrite: Callable


RENDERS = None
LISTS_IN_BRACKETS = template_with(r"~ (default\w*) ", r"~ (\1|tojson) ")
JOINS = r"`\+` between a string and a (list|dict)"
CAUSES = [
    Cause("`+` of a text and a list or dict: Python refuses, theirs adds JavaScript's text of it", RENDERS, JOINS, "ours",
          messages_with(javascript_text_for_containers)),
    Cause("`tojson` of what `map` gives: a generator, which Python refuses, theirs a list", RENDERS,
          "`tojson` of a generator", "ours", template_with(r"(map\([^()]*\)) \| tojson", r"\1 | list | tojson")),
    Cause("`+` to what went through `safe`: Python escapes it for HTML, theirs does not", RENDERS, RENDERS, "ours",
          template_with(r"\|safe\b", "")),
    Cause("a list or dict that is printed: Python's form, theirs JSON", RENDERS, RENDERS, "ours",
          messages_with(json_for_lists)),
    Cause("None that is printed: `None`, theirs nothing", RENDERS, RENDERS, "ours", messages_with(nothing_for_none)),
    Cause("`strip`, `lstrip`, `rstrip` of given characters: theirs takes all white space off", RENDERS, RENDERS, "ours",
          template_with(r"\.([lr]?strip)\([^()]+\)", r".\1()")),
    Cause("`trim` of a list or None: Python trims what it prints as, theirs refuses", r'(Unknown ArrayValue filter: trim|Cannot '
          r'apply filter "trim" to type: NullValue)', RENDERS, "theirs", messages_with(python_text_for_content)),
    Cause("`trim` of what is undefined (or that as a key): nothing, theirs refuses", 'Cannot apply filter "trim" to type: '
          "UndefinedValue", RENDERS, "theirs",
          both(template_with(r"([\w.]+)\|trim", r"(\1|default(''))|trim"),
               template_with(r"in json_spec\.type\b", "in (json_spec.type|default([]))"),
               template_with(r"(?<!in \()json_spec\.type\b", "(json_spec.type|default(''))"))),
    Cause("`string` of a dict: Python's form, theirs refuses", "Unknown ObjectValue filter: string", RENDERS, "theirs",
          variables_with(tools=texts_of)),
    Cause("`string` of what is undefined: nothing, theirs refuses", 'Cannot apply filter "string" to type: UndefinedValue',
          RENDERS, "theirs", variables_with(documents=lambda all: all and [{**one, "doc_id": ""} for one in all])),
    Cause("numbers as keys of a dict: theirs refuses", "Object keys must be strings", RENDERS, "theirs",
          both(template_with(r"^( +)(\d+):", r'\1"\2":'), template_with("<= k ", "<= k|int "))),
    Cause("`selectattr` of None: nothing, theirs refuses", 'Cannot apply filter "selectattr" to type: NullValue', RENDERS,
          "theirs", variables_with(tools=lambda tools: tools or [])),
    Cause("`format` of a text: theirs has no such method", "not a function: got UndefinedValue", RENDERS, "theirs",
          template_with(r"'([^']*)\{\}([^']*)'\.format\((\w+)\)", r"('\1' ~ \3 ~ '\2')")),
    Cause("`.items()` of a dict with a key `items`: the method, theirs takes the key (and prints lists without brackets)",
          "not a function: got ObjectValue", RENDERS, "theirs", both(template_with(r"\.items\(\)", "|items"), LISTS_IN_BRACKETS)),
    Cause("a text times a number: theirs refuses", r'Unknown operator "\*" between StringValue', RENDERS, "theirs",
          repeated_literals),
    Cause("a loop over what is undefined: none, theirs refuses", "in for loop: got UndefinedValue", RENDERS, "theirs",
          messages_with(no_calls_for_missing)),
    Cause("a loop that takes tuples apart: theirs takes lists only (and prints them without brackets)",
          "Cannot unpack non-iterable type: TupleValue", RENDERS, "theirs",
          both(template_with(r'(?<=[\[ ])\(("[^"]+"), ("[^"]+")\)', r"[\1, \2]"), LISTS_IN_BRACKETS)),
    Cause("`min` of a list: theirs has no such filter", "Unknown ArrayValue filter: min", RENDERS, "theirs",
          template_with(r"\[(\w+), (\w+)\]\|min", r"(\1 if \1 < \2 else \2)")),
]


def fits(answer, pattern):
    if pattern is RENDERS:
        return "text" in answer
    return re.search(pattern, answer.get("raises", "")) is not None


def explained(differences, ask):
    """The cause of each (asked, ours, theirs), or None. `ask` is {"ours": …, "theirs": …}: answers to a list of questions."""
    trials = [(at, cause) for at, (_, ours, theirs) in enumerate(differences) for cause in CAUSES
              if fits(ours, cause.ours) and fits(theirs, cause.theirs)]
    found = [None] * len(differences)
    for engine in ask:
        mine = [(at, cause) for at, cause in trials if cause.helped == engine]
        questions = []
        for at, cause in mine:
            template, variables = cause.rewrite(differences[at][0]["template"], differences[at][0]["variables"])
            questions.append({"template": template, "variables": variables})
        for (at, cause), answer in zip(mine, ask[engine](questions)):
            _, ours, theirs = differences[at]
            wanted = theirs if engine == "ours" else ours
            if found[at] is None and "text" in answer and answer["text"] == wanted["text"]:
                found[at] = cause
    return found
