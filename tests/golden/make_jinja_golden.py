#!/usr/bin/env python3
"""What transformers' own Jinja environment makes of the templates of jinja_cases.py: writes tests/golden/jinja.json, the
text, or "raises" with the error's words where it refuses.

Needs transformers and jinja2. Where @huggingface/jinja differs, compare_jinja.py tells.
"""
import datetime
import hashlib
import importlib.metadata
import json
import pathlib

import jinja2
from transformers.utils import chat_template_utils

import jinja_cases as cases

HERE = pathlib.Path(__file__).resolve().parent
NOW = datetime.datetime(2026, 3, 5, 14, 7, 9)


def rendered(template, variables):
    """(text, spans of generation blocks in bytes), or an exception."""
    compiled = chat_template_utils._compile_jinja_template(template)
    variables = {**variables, "strftime_now": NOW.strftime}
    text = compiled.render(**variables)
    if "{% generation" not in template:
        return text, []
    again, spans = chat_template_utils._render_with_assistant_indices(
        compiled_template=compiled, messages=variables.pop("messages", []), tools=variables.pop("tools", None),
        documents=variables.pop("documents", None),
        add_generation_prompt=variables.pop("add_generation_prompt", False), **variables)
    assert again == text, template
    return text, [[len(text[:at].encode()) for at in span] for span in spans]


def outcome(template):
    try:
        text, spans = rendered(template, cases.CONTEXT)
    except (jinja2.exceptions.TemplateError, TypeError, ValueError, ZeroDivisionError, OverflowError, LookupError,
            AttributeError, SyntaxError) as error:
        return {"template": template, "raises": f"{type(error).__name__}: {error}"}
    return {"template": template, "text": text, **({"generations": spans} if spans else {})}


def main():
    names = ["make_jinja_golden.py", "jinja_cases.py"]
    golden = {
        "made_by": "tests/golden/make_jinja_golden.py",
        "sources_sha256": {name: hashlib.sha256((HERE / name).read_bytes()).hexdigest() for name in names},
        "versions": {name: importlib.metadata.version(name) for name in ("transformers", "jinja2")},
        "context": cases.CONTEXT,
        "groups": {name: [outcome(one) for one in templates] for name, templates in cases.GROUPS.items()},
    }
    for name, group in golden["groups"].items():
        for one in group:
            if ("raises" in one) != name.endswith("errors"):
                print(f"{name}: {one}")
    (HERE / "jinja.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
