"""Conversations with roles, tools and thoughts, and raw records: the inputs of make_template_golden.py."""
import json


def talk(*turns, system="", tools=""):
    """Turns as (role, content); a role by its first letter."""
    roles = {"u": "user", "a": "assistant", "o": "observation", "f": "function"}
    return {"system": system, "tools": tools,
            "messages": [{"role": roles[role], "content": content} for role, content in turns]}


WEATHER = {"name": "get_weather", "description": "Today's weather in a town",
           "parameters": {"type": "object",
                          "properties": {"town": {"type": "string", "description": "The town"},
                                         "unit": {"type": "string", "enum": ["°C", "°F"]},
                                         "days": {"type": "array", "description": "Which days",
                                                  "items": {"type": "integer"}}},
                          "required": ["town", "days"]}}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"properties": {}}}}
TOOLS = json.dumps([WEATHER, CLOCK], ensure_ascii=False)
# Numbers and texts that every JSON writer writes in its own way.
ODD = ('{"z": 1, "a": [1.0, -0.0, 1e16, 1E-5, 0.0001, 123456789012345678, 1.5e300, 2.50, true, null], '
       '"é\\u00e9\\ud83d\\ude00": "tab\\t \\u0001 \\u007f / \\\\ \\"q\\"", "a": [], "o": {}, "n": {"k":[[],{}]}}')
CALL = '{"name": "get_weather", "arguments": {"town": "Köln", "days": [1, 2]}}'

ROLE_TALKS = [
    talk(("u", "Weather?"), ("f", CALL), ("o", '{"sky": "grey"}'), ("a", "It is grey."), tools=TOOLS),
    talk(("u", "Weather?"), ("f", CALL), ("o", "grey"), ("a", "Grey."), system="Be brief.", tools=TOOLS),
    talk(("u", "no tools named"), ("f", CALL), ("o", "42"), ("f", '[%s, {"name":"clock","arguments":{}}]' % CALL)),
    talk(("u", "odd"), ("f", '{"arguments": %s, "name": "odd\\u00e9"}' % ODD)),
    talk(("u", "odd tools"), ("a", "x"), tools='[{"name": "t", "parameters": {"properties": {}}, "x": %s}]' % ODD),
    talk(("u", "an empty list"), ("a", "x"), system="S", tools="[]"),
    talk(("u", "an empty list, no system"), ("a", "x"), tools=" [ ] "),
    talk(("u", "text arguments"), ("f", '{"name": "a", "arguments": "{\\"x\\": 1}"}')),
    talk(("u", "a thought"), ("f", "<think>\nI need the sky.\n</think>\n\n" + CALL)),
    talk(("u", "words"), ("f", "Let me look.\n<tool_call>\n" + CALL + "\n</tool_call>")),
    talk(("u", "two calls in words"), ("f", "<tool_call>" + CALL + "</tool_call> <tool_call>" + CALL + "</tool_call>")),
    talk(("u", "no JSON"), ("f", "get_weather(Köln)")),
    talk(("u", "no name"), ("f", '{"arguments": {}}')),
    talk(("u", "no arguments"), ("f", '{"name": "a"}')),
    talk(("u", "text after it"), ("f", CALL + " and more")),
    talk(("u", "an open bracket"), ("a", "x"), tools='[{"name": "t"'),
    talk(("o", "42"), ("a", "seen first"), ("u", "U"), ("a", "A"), system="S"),
    talk(("o", "42"), ("f", CALL), tools=TOOLS),
    talk(("u", "u"), ("a", "a"), ("o", "o"), ("a", "b"), ("u", "v"), ("f", CALL), system="{{content}} {{idx}}"),
    talk(("u", "<tool_response>"), ("a", "</tool_response> <|im_end|> <end_of_turn>")),
]

# What tells the tool formats apart: kinds of arguments, wrapped tools, answers described, calls between other words.
ANSWERED = {"type": "function",
            "function": {"name": "add", "description": "Adds", "strict": True,
                         "parameters": {"type": "object", "properties": {"a": {"type": "number"}, "note": {"description": "n"}},
                                        "required": []},
                         "response": {"type": "object", "description": "The sum"}}}
KINDS = ('{"name": "kinds", "arguments": {"z": "text", "a": "two\\nlines \\"quoted\\"", "n": 1, "f": 2.50, "t": true, '
         '"u": null, "l": ["x", 1, [false]], "o": {"k": "v", "b": {}}, "é": "ü"}}')
FORMAT_TALKS = [
    talk(("u", "add"), ("f", KINDS), ("o", "3"), ("a", "3"), tools=json.dumps([ANSWERED, WEATHER], ensure_ascii=False)),
    talk(("u", "two"), ("f", "[%s, %s]" % (KINDS, CALL)), system="S", tools=TOOLS),
    talk(("u", "none"), ("f", '{"name": "now", "arguments": {}}'), tools=json.dumps([CLOCK])),
    talk(("u", "a list"), ("f", '{"name": "f", "arguments": [1, "x", {"b": 1, "a": "y"}]}')),
    talk(("u", "a number"), ("f", '{"name": "f", "arguments": 2.0}')),
    talk(("u", "words"), ("f", "Look:<|tool_call_start|>" + CALL + "<|tool_call_end|> so")),
    talk(("u", "a seed"), ("f", "<seed:think>hm</seed:think>" + CALL)),
    talk(("u", "a thought"), ("f", "<think>hm</think>" + CALL)),
    talk(("u", "a channel"), ("f", "<|channel>thought\nhm<channel|>" + CALL)),
]

# Words that stand for media, and nothing they stand for.
MEDIA_TALKS = [talk(("u", word + " what is it?"), ("a", "x")) for word in ("<image>", "<video>", "<audio>")] + [
    talk(("u", "U"), ("a", "<image>")), talk(("u", "<images>"), ("a", "<|image|>"), system="<image>")]

THOUGHT_TALKS = [
    ["U1", "A1"],
    ["U1", "<think>\nfirst\n</think>\n\nA1"],
    ["U1", "<think>\nfirst\n</think>\n\nA1", "U2", "A2"],
    ["U1", "A1", "U2", "<think>\nsecond\n</think>\n\nA2"],
    ["U1", "<think>\none\n</think>\n\nA1", "U2", "<think>\ntwo\n\nlines\n</think>\n\nA2", "U3", "A3"],
    ["U1", "<think>not its words</think>A1", "U2", "A2"],
    ["U1", "only a close </think> A1", "U2", "A2"],
    ["U1", "<think>\na\n</think>\n\nx<think>\nb\n</think>\n\n\n\ny"],
    ["U1", "<think>\nnever closed", "U2", "\n\nA2"],
    ["U1", "\n\n<think>\n\n</think>\n\nA1", "<think>\nin a question\n</think>\n\n", "A2"],
    ["U1", ""],
]


def chat(*turns, role="from", content="value", column="conversations", **columns):
    return {column: [{role: r, content: c} for r, c in turns], **columns}


def openai(*messages, **columns):
    return {"messages": [dict(m) for m in messages], **columns}


HUMAN, GPT, SEEN, CALLED = ("human", "U"), ("gpt", "A"), ("observation", "O"), ("function_call", "F")
SHAREGPT = {"formatting": "sharegpt"}
OPENAI_TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant",
               "observation_tag": "tool", "function_tag": "function", "system_tag": "system"}
OPENAI = {"formatting": "openai", "columns": {"messages": "messages", "tools": "tools"}, "tags": OPENAI_TAGS}
U, A, S = ({"role": r, "content": c} for r, c in (("user", "U"), ("assistant", "A"), ("system", "S")))
ASKED = {"role": "assistant", "content": None,
         "tool_calls": [{"type": "function", "id": "1", "function": {"name": "f", "arguments": '{"é": 1.50}'}},
                        {"type": "function", "id": "2", "function": {"name": "g", "arguments": "{}"}}]}
TOLD = {"role": "tool", "content": "one"}, {"role": "tool", "content": "two"}

RECORD_SETS = [
    (SHAREGPT, [
        chat(HUMAN, GPT), chat(HUMAN, GPT, HUMAN, GPT), chat(HUMAN, CALLED, SEEN, GPT), chat(SEEN, GPT),
        chat(("system", "S"), HUMAN, GPT), chat(("system", ""), HUMAN, GPT), chat(("system", "S"), HUMAN),
        chat(HUMAN), chat(GPT, HUMAN), chat(HUMAN, HUMAN), chat(HUMAN, GPT, GPT, HUMAN), chat(HUMAN, GPT, HUMAN),
        chat(), chat(("system", "S")), chat(HUMAN, ("system", "S"), HUMAN, GPT), chat(("user", "U"), ("assistant", "A")),
        chat(HUMAN, SEEN), chat(CALLED, GPT), chat(HUMAN, CALLED), chat(("System", "S"), HUMAN, GPT),
        chat(("human", ""), ("gpt", "")), {"conversations": None}, {"messages": []},
        {"conversations": [{"from": "human"}, {"from": "gpt", "value": "A"}]},
        {"conversations": [{"value": "U"}, {"from": "gpt", "value": "A"}]},
        chat(HUMAN, GPT, system="not a column", tools="not a column"),
    ]),
    ({**SHAREGPT, "columns": {"messages": "talk", "system": "sys", "tools": "tools"}}, [
        chat(HUMAN, GPT, column="talk", sys="column", tools="[]"),
        chat(("system", "turn"), HUMAN, GPT, column="talk", sys="column", tools=None),
        chat(HUMAN, GPT, column="talk", sys=None, tools='[{"name": "t"}]'),
    ]),
    ({**SHAREGPT, "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}}, [
        chat(("user", "U"), ("assistant", "A"), role="role", content="content"),
        chat(("system", "S"), ("user", "U"), ("assistant", "A"), role="role", content="content"),
        chat(("user", "U"), ("function_call", "F"), role="role", content="content"),
        chat(("human", "U"), ("gpt", "A"), role="role", content="content"),
    ]),
    ({**SHAREGPT, "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "human", "observation_tag": "human",
                           "assistant_tag": "gpt", "function_tag": "gpt"}}, [chat(HUMAN, GPT)]),
    ({**SHAREGPT, "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "x", "assistant_tag": "gpt",
                           "system_tag": "x"}}, [chat(("x", "1"), GPT), chat(("x", "1"), ("x", "2"), GPT)]),
    ({**SHAREGPT, "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "x", "assistant_tag": "x"}},
     [chat(("x", "1"), ("x", "2"))]),
    (OPENAI, [
        openai(U, A), openai(S, U, A), openai(U, A, U, A), openai(U, ASKED, *TOLD, A), openai(U, ASKED, TOLD[0], A),
        openai(U, ASKED), openai(U, ASKED, TOLD[0]), openai(TOLD[0], A), openai(U), openai(A, U), openai(), openai(S),
        openai(U, U, A), openai(U, {"role": "assistant", "content": "A", "tool_calls": []}),
        openai(U, {"role": "assistant", "content": "A", "tool_calls": None}), openai(U, {"role": "critic", "content": "A"}),
        openai(U, {"role": "function", "content": '{"name": "f", "arguments": {}}'}),
        openai({"role": "system", "content": "detailed thinking on"}, U, A), openai(U, A, tools=""), openai(U, A, tools=[]),
        openai(S, U, A, tools='[{"name": "t"}]'), openai(U, A, tools=[{"z": 1, "name": "t", "a": 0.50}]),
        openai({"role": "system", "content": ""}, U, A, tools=[{"name": "t"}]), openai(U, {"role": "assistant"}),
        {"messages": "no list"}, openai(*TOLD),
    ]),
    ({"formatting": "openai", "columns": {"messages": "messages", "system": "sys"}, "tags": OPENAI_TAGS}, [
        openai(U, A, sys="column"), openai(S, U, A, sys="column"), openai(U, A)]),
]
