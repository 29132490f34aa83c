"""Templates of our own that use every construct of chat templates, and the conversations that real templates are
compared on."""

CONTEXT = {
    "a": [1, 2, 3], "d": {"b": 2, "a": 1}, "s": "  Hi there ", "n": None, "t": True, "f": 1.5, "e": [],
    "u": "é<&\"'\n\u2028\u0001", "m": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}],
    "zh": "　你好，世界　", "deep": {"list": [{"k": {"v": 7}}, {"k": {"v": 3}}], "items": 5},
    "words": ["b", "A", "c", "a", "B"], "people": [{"n": "x", "g": 2}, {"n": "y", "g": 1}, {"n": "z", "g": 2}],
    "tree": [{"v": 1, "c": [{"v": 2, "c": []}, {"v": 3, "c": [{"v": 4, "c": []}]}]}],
    "tool": {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {
        "x": {"type": "number", "description": "первое"}, "y": {"enum": [1, 2.50, True, None]}}, "required": []}}},
}

# Each a template over CONTEXT; a part in front of "→" is none: whole lines are templates.
OUTPUT = [
    "{{ d }}|{{ a }}|{{ t }}|{{ n }}|{{ f }}|{{ 1.0 }}", "{{ ['q', \"it's\", 'a\"b', 'both\\'\"'] }}",
    "{{ ['\\n\\t\\\\', u, zh, '\\x7f', '\\u200b'] }}", "{{ (1,) }}{{ (1, 2) }}{{ () }}{{ [] }}{{ {} }}",
    "{{ 1e3 }}|{{ 0.1+0.2 }}|{{ 1e16 }}|{{ 123456789.0 }}|{{ 1e-5 }}|{{ 0.0001 }}|{{ -0.0 }}|{{ 1_000 }}",
    "{{ nothing }}|{{ d.zz }}|{{ d['zz'] is defined }}|{{ d.get('zz') }}|{{ n.x }}|{{ a[9] }}|{{ s[99] }}",
    "{{ 'a' 'b' \"c\" }}{{ '\\u00e9\\U0001F600\\101\\q' }}", "{{ 1, 2 }}{{ [1, 2,] }}{{ {'a': 1,} }}",
    "{{ true }}{{ True }}{{ false }}{{ none }}{{ None }}{{ {'a': {'b': {}}} }}", "{{ [nothing] }}{{ {1: n, none: t} }}",
]
ERRORS = [
    "{{ nothing.x }}", "{{ nothing['x'] }}", "{{ nothing() }}", "{{ nothing + 1 }}", "{{ n + 'a' }}", "{{ n|length }}",
    "{{ 1 + 'a' }}", "{{ 'a' < 1 }}", "{{ 1 / 0 }}", "{{ 1 // 0 }}", "{{ 1 % 0 }}", "{{ a.append(4) }}", "{{ a.pop() }}",
    "{{ d.update({}) }}", "{{ d.pop('a') }}", "{% for x in 5 %}{% endfor %}", "{% for x in n %}{% endfor %}",
    "{% for x, y in a %}{% endfor %}", "{% set x, y = 1, 2, 3 %}", "{% set d.x = 1 %}", "{{ a[::0] }}", "{{ a['x':] }}",
    "{{ x|nosuchfilter }}", "{{ x is nosuchtest }}", "{{ 'x'.split('') }}", "{{ 'abc'.index('z') }}", "{{ range(100001) }}",
    "{{ {[]: 1} }}", "{{ d() }}", "{{ s.upper(1) }}", "{{ 'a'|replace('b') }}", "{{ range(0, 5, 0) }}", "{{ nothing|tojson }}",
    "{{ raise_exception('No ' ~ 3) }}", "a\n{% if t %}\n{{ raise_exception('in line 3') }}{% endif %}", "{{ a|join(1, 2, 3) }}",
    "{{ '%d' % 'x' }}", "{{ '%s %s' % ('a',) }}", "{{ '%s' % ('a', 'b') }}", "{{ 3 in 5 }}", "{{ 1 in 'a' }}", "{{ -s }}",
    "{% macro g(x) %}{% endmacro %}{{ g(1, x=2) }}", "{% macro g(x) %}{% endmacro %}{{ g(1, 2) }}", "{% macro g(x) %}{% endmacro %}{{ g(y=2) }}", "{{ dict(1) }}", "{{ a|sum('x') }}", "{{ ['a', 1]|sort }}",
    "{{ a|map('string')|tojson }}", "{{ a|select|length }}", "{{ (a|select)[1:] }}", "{{ a|select + a|select }}", "{{ a|select|last }}",
    "{{ a|reverse|tojson }}", "{{ d|items|tojson }}", "{{ a|unique|length }}",
    "{{ [1, 'a']|max }}", "{{ a|dictsort }}", "{{ loop.index }}", "{{ a|first(1) }}", "{{ namespace(1) }}",
]
SYNTAX_ERRORS = [
    "{{ 1 +", "{{ }}", "{% if %}{% endif %}", "{% if t %}", "{% for x in a %}", "{% endif %}", "{% nosuch %}", "{{ (1 }}", "{{ 1) }}",
    "{{ [1, }}", "{{ 'a }}", "{# open", "{{ a b }}", "{% set 1 = 2 %}", "{% set x %}", "{% macro g(a=1, b) %}{% endmacro %}",
    "{{ g(a=1, 2) }}", "{{ 1 ! 2 }}", "{% break %}", "{{ a. }}", "{{ a|1 }}", "{{ x is 1 }}", "{% for 1 in a %}{% endfor %}",
    "{% else %}", "{% call x %}{% endcall %}", "{{ a[1:2:3:4] }}", "{% if t %}{% else %}{% elif t %}{% endif %}", "{{ 1 $ 2 }}",
]
ARITHMETIC = [
    "{{ 7//2 }} {{ 7/2 }} {{ 7%3 }} {{ -7//2 }} {{ -7%3 }} {{ 2**3 }} {{ 6/2 }} {{ 7//-2 }} {{ 7%-3 }} {{ 7.5//2 }} {{ -7.5%2 }}",
    "{{ -2**2 }} {{ 2**-1 }} {{ 2**3**2 }} {{ +3 }} {{ - -3 }} {{ 1 + 2 * 3 }} {{ (1 + 2) * 3 }} {{ 10 - 3 - 2 }} {{ 1.5 + 1 }}",
    "{{ 'a' ~ 1 ~ none ~ true ~ 1.0 ~ a }} {{ 'a' + 'b' }} {{ 'ab' * 2 }} {{ 2 * 'ab' }} {{ [1] + [2] }} {{ [0] * 3 }} {{ 'a' * -1 }}",
    "{{ 1 + 2|string|length }} {{ -1|abs }} {{ 1 ~ 2 }} {{ true + 1 }} {{ 'a' ~ 1 == 'a1' }}",
    "{{ 1 == 1.0 }} {{ true == 1 }} {{ '1' == 1 }} {{ [1] == [1.0] }} {{ (1,) == [1] }} {{ d == {'a': 1, 'b': 2} }} {{ none == nothing }}",
    "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 2 in a }} {{ 'a' in d }} {{ 5 not in a }} {{ 'i t' in s }} {{ 3 >= 3 }} {{ 2 <= 1 }} {{ 3 > 2 > 1 != 5 }}",
    "{{ 1 and 2 }} {{ 0 or 'x' }} {{ not t }} {{ not nothing is defined }} {{ e or n }} {{ '' and 1 }} {{ not 1 == 2 }} {{ t and not e }}",
    "{{ 'y' if t else 'n' }} {{ 'y' if e }} {{ 'a' if e else 'b' if t else 'c' }} {{ ('x' if t) ~ 'z' }} {{ 1 in nothing }} {{ nothing == none }}",
    "{{ 0x1f }} {{ 0b101 }} {{ 0o17 }}", "{{ '%s-%d' % ('a', 3) }} {{ '%05.2f|%-4s|%3d|%r|%%' % (3.14159, 'x', 7, 'q') }} {{ '%s' % a }}",
]
ACCESS = [
    "{{ a[1:] }}{{ a[::-1] }}{{ a[-1] }}{{ s[2:4] }}{{ a[:-1] }}{{ a[5:] }}{{ a[-9:2] }}{{ a[2:0:-1] }}{{ s[::-2] }}{{ a[:2][0] }}",
    "{{ m.0.role }}{{ m[-1].content }}{{ m[0]['role'] }}{{ zh[1] }}{{ zh[1:3] }}{{ (1, 2, 3)[1:] }}", "{{ d.items is callable }} {{ deep['items'] }} {{ deep.items()|length }}",
    "{{ s.strip() }}|{{ s['strip']() }}|{% set g = s.upper %}{{ g() }}", "{{ d['a'] }}{{ d.b }}{{ d[true] }}{{ {1: 'x'}[1.0] }}{{ {1: 'x'}[true] }}",
    "{{ deep.list[0].k.v + deep['list'][1]['k']['v'] }}",
]
BLOCKS = [
    "{% for x in a if x != 2 %}{{ loop.index }}:{{ x }}{{ ',' if not loop.last }}{% endfor %}",
    "{% for x in a %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.length }}{{ loop.depth }}{{ loop.previtem }}{{ loop.nextitem is defined }} {% endfor %}",
    "{% for x in a %}{{ loop.cycle('odd', 'even') }}{% endfor %}{% for x in [1, 1, 2] %}{{ loop.changed(x) }}{% endfor %}",
    "{% for k, v in d|dictsort %}{{ k }}{{ v }}{% endfor %}{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for c in 'äb' %}[{{ c }}]{% endfor %}",
    "{% for (p, q), r in [((1, 2), 3)] %}{{ p }}{{ q }}{{ r }}{% endfor %}{% for x in nothing %}a{% else %}b{% endfor %}{% for x in a if x > 5 %}a{% else %}none{% endfor %}",
    "{% set x=1 %}{% for i in a %}{% set x = x+i %}{{ x }}{% endfor %}{{ x }}", "{% set ns=namespace(x=1, y='q') %}{% for i in a %}{% set ns.x = ns.x+i %}{% endfor %}{{ ns.x }}{{ ns.y }}{{ ns.z is defined }}",
    "{% if true %}{% set y = 5 %}{% endif %}{{ y }}{% if e %}1{% elif t %}2{% else %}3{% endif %}{% if e %}1{% elif n %}2{% else %}3{% endif %}",
    "{%- macro g(a, b='z') -%}[{{ a }}{{ b }}]{%- endmacro -%}{{ g(1) }}{{ g(1, b=2) }}{{ g(b=3, a=4) }}{{ g() }}{{ g('x') | upper }}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}{% macro v() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ v(1, 2, q=3) }}",
    "{% macro box(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call box('b') %}in {{ f }}{% endcall %}{% macro each(l) %}{% for i in l %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(i) each(a) %}({{ i }}){% endcall %}",
    "{% set top = 1 %}{% macro g() %}{{ top }}{{ later }}{% endmacro %}{% set later = 2 %}{{ g() }}{% for x in a %}{% macro h() %}{{ x }}{% endmacro %}{{ h() }}{% endfor %}",
    "{% for i in range(3) %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}{% for i in range(9) %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}{{ range(2, 9, 3)|list }}{{ range(3, 0, -1)|list }}",
    "{% set c %}block {{ 1 }}{% endset %}[{{ c }}]{% filter upper %}abc{% endfilter %}{% set c2 | upper | replace('X', 'y') %}x{{ t }}{% endset %}{{ c2 }}{% filter trim|upper %}  q {% endfilter %}",
    "{% with p = 1, q = 2 %}{{ p + q }}{% set p = 9 %}{% endwith %}{{ p is defined }}{% set p, q = 1, 'b' %}{{ p }}{{ q }}{% set (p, q) = [3, 4] %}{{ p }}{{ q }}",
    "{% for item in tree recursive %}{{ item.v }}@{{ loop.depth }}{% if item.c %}({{ loop(item.c) }}){% endif %}{% endfor %}",
    "{% raw %}{{ x }}{% if %}{% endraw %}{# comment {{ x }} #}{% generation %}said {{ f }}{% endgeneration %}",
    "{% for x in a %}{% generation %}{% set x = 'g' %}{{ x }}{% endgeneration %}{{ x }}{% endfor %}", "{% set x = 'out' %}{% for x in a %}{% endfor %}{{ x }}{{ loop is defined }}",
    "{% for x in a %}{% for y in 'ab' %}{{ loop.index }}{{ x }}{{ y }} {% endfor %}{{ loop.index }}{% endfor %}",
]
WHITESPACE = [
    "  {% if true %}\n  yes\n  {% endif %}\nno\n", "a\n  {%- if true %} b {% endif -%}\n  c", "x  {{- ' y ' -}}  z", "{% if t %}\n\n a\n{% endif %}\n\n",
    "  {{ 1 }}\n  {{ 2 }}\n", "a {%+ if t %}b{% endif +%}\nc", "  {%+ if t %}x{% endif %}", "\t{# c #}\n x {# c #} y\n{#- d -#}\n z", "{% set x = 1 %}\n{% set y = 2 %}\n{{ x }}{{ y }}",
    "a\r\nb\rc\n{% if t %}\r\nd{% endif %}", "{% raw %}\n  {% x %}\n  {% endraw %}\n!", " {% raw -%}  a  {%- endraw %} b", "text\n\n", "\n", "", "{%if t%}a{%endif%}{{1}}", "x\u3000{%- if t %}y{% endif %}",
    "  text {% if t %}\n  {% if t %}\n z\n  {% endif %}{% endif %}", "{{ 'a' }}\n{% if t %}\n{{ 'b' }}\n{%- endif %}\n{{ 'c' }}", "a {#- c #} b {# c -#} d", "{{- 1 }} {{ 2 -}} {{ 3 }}", "{ % } {{ '{%' }} { {",
]
FILTERS = [
    "{{ u|tojson }}|{{ zh|tojson }}|{{ d|tojson }}|{{ a|tojson }}|{{ [1.0, none, true, 'x']|tojson }}|{{ {}|tojson }}|{{ []|tojson }}|{{ (1, 2)|tojson }}",
    "{{ d|tojson(indent=2) }}|{{ tool|tojson(indent=4) }}|{{ []|tojson(indent=2) }}", "{{ tool|tojson }}", "{{ [1,{'b':2}]|tojson(separators=(',',':')) }}|{{ d|tojson(indent=1, separators=(', ', '= ')) }}",
    "{{ d|tojson(sort_keys=true) }}|{{ u|tojson(ensure_ascii=true) }}|{{ '😀é'|tojson(ensure_ascii=true) }}|{{ {1: 2, none: 3, true: 4, 1.5: 5}|tojson }}|{{ '</script>'|tojson }}",
    "{{ s|trim }}|{{ 'xxaxx'|trim('x') }}|{{ zh|trim }}|{{ 'éa'|upper }}|{{ 'ÉA'|lower }}|{{ 'hELLO wORLD'|capitalize }}|{{ 'hello wor-ld (x) it\\'s'|title }}|{{ 'a-b-c'|replace('-', '+') }}|{{ 'a-b-c'|replace('-', '+', 1) }}|{{ 'ab'|replace('', '.') }}",
    "{{ a|length }}{{ zh|length }}{{ d|count }}{{ nothing|length }}|{{ a|first }}{{ a|last }}{{ 'äb'|first }}{{ e|first }}|{{ 'äb'|list }}|{{ d|list }}|{{ 'äb'|reverse }}|{{ a|reverse|list }}|{{ 5|string ~ 6 }}|{{ s|safe }}",
    "{{ 3.7|int }}|{{ '12'|int }}|{{ 'x'|int }}|{{ 'x'|int(7) }}|{{ '3.9'|int }}|{{ ' 42 '|int }}|{{ '0x1f'|int(0, 16) }}|{{ '-5'|int }}|{{ n|int }}|{{ true|int }}|{{ '1.5'|float }}|{{ 'x'|float }}|{{ 2|float }}|{{ '1e3'|float }}",
    "{{ -3|abs }}|{{ -2.5|abs }}|{{ 2.5|round }}|{{ 2.345|round(2) }}|{{ 3.5|round }}|{{ 7|round }}|{{ 2.1|round(0, 'ceil') }}|{{ 2.9|round(method='floor') }}|{{ 1234|round(-2) }}|{{ 0.125|round(2) }}",
    "{{ nothing|default('x') }}|{{ nothing|default }}|{{ n|default('x') }}|{{ n|default('x', true) }}|{{ e|d('y', boolean=true) }}|{{ 0|default(5) }}|{{ m[0].zz|default('q') }}",
    "{{ a|join }}|{{ a|join(', ') }}|{{ m|join('+', attribute='role') }}|{{ 'abc'|join('-') }}|{{ [1, none, 'x', true]|join('.') }}|{{ m|map(attribute='role')|join(', ') }}",
    "{{ words|sort }}|{{ words|sort(case_sensitive=true) }}|{{ a|sort(reverse=true) }}|{{ people|sort(attribute='g')|map(attribute='n')|join }}|{{ d|dictsort }}|{{ {'B': 1, 'a': 2}|dictsort }}|{{ d|dictsort(by='value') }}|{{ d|dictsort(reverse=true) }}|{{ {'B': 1, 'a': 2}|dictsort(true) }}",
    "{{ words|unique|list }}|{{ words|unique(case_sensitive=true)|list }}|{{ a|sum }}|{{ people|sum(attribute='g') }}|{{ a|sum(start=10) }}|{{ a|min }}{{ a|max }}{{ words|min }}{{ words|max }}|{{ e|max }}|{{ people|max(attribute='g') }}",
    "{% for key, list in people|groupby('g') %}{{ key }}:{{ list|map(attribute='n')|join }};{% endfor %}|{{ d|items|list }}|{{ nothing|items|list }}",
    "{{ words|map('upper')|list }}|{{ [' a ', 'b ']|map('trim')|join('|') }}|{{ deep.list|map(attribute='k.v')|list }}|{{ [[1, 2], [3, 4]]|map(attribute=1)|list }}|{{ people|map(attribute='q', default='-')|join }}|{{ ['a.b']|map('replace', '.', '!')|first }}",
    "{{ a|select('odd')|list }}|{{ a|reject('odd')|list }}|{{ [0, 1, '', 'x']|select|list }}|{{ [0, 1]|reject|list }}|{{ m|selectattr('role', 'equalto', 'user')|list|length }}|{{ m|rejectattr('role', 'eq', 'user')|map(attribute='content')|list }}|{{ people|selectattr('g')|list|length }}|{{ m|selectattr('zz', 'defined')|list }}|{{ a|select('gt', 1)|list }}|{{ a|select('in', [1, 3])|list }}",
    "{{ 'line1\nline2\n\nline4'|indent(2) }}|{{ 'a\nb'|indent(first=true) }}|{{ 'a\n\nb'|indent(1, blank=true) }}|{{ 'a\nb'|indent('> ') }}|{{ 'ab'|center(6) }}|{{ 'ab'|center(7) }}|{{ 'a b  c'|wordcount }}|{{ 'a b/é?'|urlencode }}|{{ '%s+%s'|format(1, 'x') }}",
    "{{ a|batch(2)|list }}|{{ a|batch(2, 0)|list }}|{{ a|slice(2)|list }}|{{ a|slice(2, 'x')|list }}|{{ [1]|slice(3)|list }}|{{ d|attr('a') is defined }}|{{ m|tojson|length }}",
    "{{ d.items()|list }}|{{ 'ß'|upper }}|{{ 'ǆ'|capitalize }}",
]
MARKUP = [
    "{{ '<b>'|safe }}{{ '<b>'|safe + '<i>' }}{{ '<i>' + '<b>'|safe }}{{ '<b>'|safe ~ '<i>' }}{{ '\"&\\''|e }}{{ '<'|escape|e }}{{ none|e }}{{ [1, '<']|e }}",
    "{{ ('<%s> %d %s' % ('a', 1, 'b')) }}{{ '<%s> %d %s'|safe % ('<', 2, [\"'\"]) }}{{ '<%s>'|safe|format('<') }}{{ '%s' % ('<'|safe + '<') }}",
    "{{ ' <b> '|safe|trim + '<' }}{{ 'a<'|safe|upper + '<' }}{{ 'a<'|safe|replace('a', '<') + '<' }}{{ 'a'|safe|string + '<' }}{{ ('a<'|safe * 2) + '<' }}{{ 'ab'|safe|reverse + '<' }}",
    "{{ ('a<b'|safe).replace('a', '<') + '<' }}{{ ('<'|safe).join(['<', 1, '<'|safe]) }}{{ ('{}<{x}'|safe).format('<', x='>') }}{{ ('a,b'|safe).split(',') }}{{ ('a'|safe)[0] + '<' }}{{ ('abc'|safe)[1:] + '<' }}",
    "{{ ['a'|safe, 'b'] }}{{ 'a<'|safe == 'a<' }}{{ 'a<'|safe|tojson + '<' }}{{ '<' in '<'|safe }}{{ ('a<b'|safe).startswith('a<') }}{{ ('a<b'|safe).find('<') }}{{ ['<', '>'|safe]|join('&') }}{{ ('a'|safe).upper() + '<' }}",
    "{% set x = '<'|safe %}{% set x = x + '<' %}{{ x }}{{ x|length }}{{ x|string|tojson }}{{ 'a'|safe|center(5) + '<' }}{{ 'a\nb'|safe|indent(2) + '<' }}{{ 'ab'|safe|title + '<' }}{{ 'ab'|safe|capitalize + '<' }}",
]
GENERATORS = [
    "{% set g = a|map('string') %}{% for x in g %}{{ x }}{% endfor %}|{% for x in g %}{{ x }}{% else %}read{% endfor %}",
    "{% if e|select %}true{% else %}false{% endif %}{{ e|select is iterable }}{{ e|select is sequence }}{{ a|map('string') == a|map('string') }}",
    "{% set g = a|select %}{{ g|first }}{{ g|list }}{{ g|list }}|{% set g = a|reject('odd') %}{{ 2 in g }}{{ 2 in g }}{{ (a|select)[0] is defined }}{{ (a|select).count is defined }}",
    "{% set g = a|reverse %}{{ g|list }}{{ g|list }}{{ a|unique|join }}{{ a|map('string')|reverse }}{{ d|items|first }}{{ a|batch(2)|first }}{{ a|slice(2)|first }}{{ (a|select)|sum }}{{ d.items()|length }}",
    "{% for x in m|map(attribute='role') %}{{ loop.index }}/{{ loop.length }}{{ loop.last }}{% endfor %}",
]
TESTS = [
    "{{ nothing is defined }}{{ d is defined }}{{ nothing is undefined }}{{ n is none }}{{ e is none }}{{ t is true }}{{ 1 is true }}{{ e is false }}{{ false is false }}{{ t is boolean }}",
    "{{ 1 is integer }}{{ true is integer }}{{ 1.5 is float }}{{ t is number }}{{ '1' is number }}{{ s is string }}{{ a is string }}{{ d is mapping }}{{ a is mapping }}",
    "{{ d is iterable }}{{ s is iterable }}{{ nothing is iterable }}{{ n is iterable }}{{ 1 is iterable }}{{ s is sequence }}{{ d is sequence }}{{ a is sequence }}{{ n is sequence }}{{ 1 is sequence }}",
    "{{ range is callable }}{{ s is callable }}{{ 3 is odd }}{{ 3 is even }}{{ 9 is divisibleby 3 }}{{ 9 is divisibleby(2) }}{{ 1 is sameas true }}{{ none is sameas none }}{{ 2 is in a }}{{ 'x' is in(['y']) }}",
    "{{ 'ab' is lower }}{{ 'aB' is lower }}{{ 'AB1' is upper }}{{ '1' is upper }}{{ 'trim' is filter }}{{ 'nope' is filter }}{{ 'odd' is test }}{{ 'nope' is test }}",
    "{{ 1 is eq 1 }}{{ 1 is equalto 2 }}{{ 1 is ne 2 }}{{ 2 is gt 1 }}{{ 2 is greaterthan 3 }}{{ 2 is ge 2 }}{{ 1 is lt 2 }}{{ 1 is lessthan 0 }}{{ 1 is le 1 }}{{ 1 is not eq 1 }}{{ t is not none and t is defined }}{{ n is not defined or t }}",
]
METHODS = [
    "{{ s.strip() }}|{{ s.lstrip() }}|{{ s.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'xyaxy'.lstrip('yx') }}|{{ 'a\\n\\n'.rstrip('\\n') }}|{{ zh.strip() }}|{{ 'xax'.rstrip('x') }}",
    "{{ 'a b  c'.split() }}|{{ 'a.b.c'.split('.') }}|{{ 'a.b.c'.split('.', 1) }}|{{ 'a.b.c'.rsplit('.', 1) }}|{{ ' a b  c '.split(none, 1) }}|{{ ' a b  c '.rsplit(none, 1) }}|{{ ''.split() }}|{{ ''.split('x') }}|{{ 'a</think>b'.split('</think>')[-1] }}|{{ 'a  b'.split(maxsplit=1) }}",
    "{{ 'a\\nb\\r\\nc'.splitlines() }}|{{ 'a\\n\\nb\\n'.splitlines(true) }}|{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith('bc') }}{{ 'abc'.startswith(('x', 'a')) }}{{ 'abc'.endswith('x') }}|{{ 'a-a'.replace('a', 'b') }}|{{ 'a-a'.replace('a', 'b', 1) }}|{{ 'ab'.replace('', '-') }}",
    "{{ 'aB'.upper() }}{{ 'aB'.lower() }}{{ 'aB cD'.capitalize() }}{{ 'ab-cd it\\'s'.title() }}|{{ zh.find('世') }}{{ 'abab'.rfind('b') }}{{ 'ab'.find('z') }}{{ 'abab'.index('b') }}{{ 'abab'.count('ab') }}{{ 'ab'.count('') }}|{{ ', '.join(['a', 'b']) }}|{{ '-'.join('ab') }}",
    "{{ '{} {}'.format(1, 'x') }}|{{ '{0}{1}{0}'.format('a', 'b') }}|{{ '{x}{{}}'.format(x=1) }}|{{ '12'.isdigit() }}{{ '1a'.isdigit() }}{{ ''.isdigit() }}{{ 'ab'.isalpha() }}{{ 'a1'.isalpha() }}{{ ' '.isspace() }}|{{ 'abc'.removeprefix('a') }}{{ 'abc'.removesuffix('c') }}{{ 'abc'.removesuffix('x') }}|{{ '7'.zfill(3) }}{{ '-7'.zfill(4) }}|{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3) }}|",
    "{{ d.get('a') }}{{ d.get('z') }}{{ d.get('z', 9) }}|{{ d.keys()|list }}|{{ d.values()|list }}|{{ d.items()|list }}|{{ d.copy() }}|{{ a.index(2) }}{{ a.count(1) }}{{ a.copy() }}",
    "{{ strftime_now('%Y-%m-%d %d %B %b %A %H:%M %%') }}|{{ dict(a=1, b='x') }}|{{ dict({'q': 1}, z=2) }}|{{ namespace(q=1).q }}",
]
# Whole chat templates, written for this file in the manner of real ones.
CHATS = [
    "{%- set ns = namespace(system='') -%}\n{%- for message in m -%}\n  {%- if message.role == 'system' -%}\n    {%- set ns.system = message.content -%}\n  {%- endif -%}\n{%- endfor -%}\n{{- '<s>' -}}\n{%- for message in m %}\n  {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}\n    {{- raise_exception('Roles must alternate') }}\n  {%- endif %}\n  {{- '[' ~ message.role|upper ~ '] ' + message.content | trim }}\n  {%- if message.role == 'assistant' %}{{ '</s>' }}{% endif %}\n{%- endfor %}\n",
    "{% macro arguments(call) %}{% if call is string %}{{ call }}{% else %}{{ call|tojson }}{% endif %}{% endmacro %}\n{% for message in m %}\n<|{{ message.role }}|>\n{% if message.tool_calls is defined and message.tool_calls %}\n{% for call in message.tool_calls %}\n{{ arguments(call.function) }}\n{% endfor %}\n{% else %}\n{% generation %}\n{{ message.content }}\n{% endgeneration %}\n{% endif %}\n{% endfor %}\n{% if add_generation_prompt %}\n<|assistant|>\n{% endif %}",
    "{%- macro type_of(schema) -%}\n  {%- if schema.type is defined -%}{{ schema.type }}\n  {%- elif schema.enum is defined -%}{{ schema.enum|map('tojson')|join(' | ') }}\n  {%- else -%}any{%- endif -%}\n{%- endmacro -%}\nnamespace functions {\n{%- for name, schema in tool.function.parameters.properties.items() %}\n  {{ name }}{% if name not in tool.function.parameters.required %}?{% endif %}: {{ type_of(schema) }},\n  {%- if schema.description %} // {{ schema.description }}{% endif %}\n{%- endfor %}\n}",
    "{%- set index = namespace(last=-1) %}{%- for message in m[::-1] %}{%- set at = (m|length - 1) - loop.index0 %}{%- if index.last < 0 and message.role == 'user' %}{%- set index.last = at %}{%- endif %}{%- endfor %}{%- for message in m %}{{- '<' + message.role + '>\\n' + message.content.split('</think>')[-1].lstrip('\\n') + ('!' if loop.index0 > index.last else '') }}{%- endfor %}",
]

GROUPS = {name.lower(): globals()[name] for name in (
    "OUTPUT", "ERRORS", "SYNTAX_ERRORS", "ARITHMETIC", "ACCESS", "BLOCKS", "WHITESPACE", "FILTERS", "MARKUP", "GENERATORS", "TESTS", "METHODS", "CHATS")}

ADD = {"type": "function", "function": {"name": "add", "description": "Adds two numbers.", "parameters": {
    "type": "object", "properties": {"x": {"type": "number", "description": "The first"}, "y": {"type": "number"}},
    "required": ["x", "y"]}}}
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "天气 \"now\" <b>", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "enum": ["Paris", "北京"]}, "days": {
        "type": "array", "items": {"type": "integer"}, "default": [1]}}, "required": ["city"]}, "return": {"type": "string"}}}


def call(name, arguments, identifier="call00001"):
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def system(text):
    return {"role": "system", "content": text}


def result(text, identifier="call00001"):
    return {"role": "tool", "content": text, "name": "add", "tool_call_id": identifier}


THOUGHT = "<think>\nOne and one.\n</think>\n\nTwo."
# (messages, further variables)
CONVERSATIONS = [
    ([user("Hello")], {"add_generation_prompt": True}),
    ([user("Hello"), assistant("Hi!")], {}),
    ([system("Be brief."), user("Hello")], {"add_generation_prompt": True}),
    ([system("Be brief."), user("Hello"), assistant("Hi!"), user("More?"), assistant("No.")], {}),
    ([user("  white \n space\t"), assistant("  kept? \n"), user("\n")], {"add_generation_prompt": True}),
    ([user("你好，世界 😀 é"), assistant("再见　"), user("«»")], {"add_generation_prompt": True}),
    ([user("1+1"), assistant(THOUGHT), user("2+2"), assistant(THOUGHT)], {}),
    ([user("1+1"), assistant(THOUGHT), user("2+2")], {"add_generation_prompt": True, "enable_thinking": False}),
    ([user("1+1"), assistant("Two.", reasoning_content="One and one."), user("2+2")], {"add_generation_prompt": True, "enable_thinking": True}),
    ([system("S"), user("add")], {"tools": [ADD], "add_generation_prompt": True}),
    ([user("weather")], {"tools": [ADD, WEATHER], "add_generation_prompt": True}),
    ([user("add"), assistant("", tool_calls=[call("add", {"x": 1, "y": 2.5})]), result("3.5"), assistant("It is 3.5.")], {"tools": [ADD]}),
    ([user("add"), assistant(None, tool_calls=[call("add", {"x": 1, "y": 2}), call("get_weather", {"city": "北京"}, "call00002")]), result("3"), result("sunny", "call00002")], {"tools": [ADD, WEATHER], "add_generation_prompt": True}),
    ([user("add"), assistant("", tool_calls=[call("add", '{"x": 1}')]), result('{"sum": 3}')], {"tools": [ADD], "add_generation_prompt": True}),
    ([{"role": "user", "content": [{"type": "text", "text": "in parts"}, {"type": "text", "text": " two "}]}], {"add_generation_prompt": True}),
    ([{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "see"}]}, assistant("a cat")], {}),
    ([user("a"), user("b")], {"add_generation_prompt": True}),
    ([system("A"), system("B"), user("c"), assistant("d")], {}),
    ([assistant("first"), user("then")], {"add_generation_prompt": True}),
    ([system("<|im_end|> {{ x }} {% y %}"), user("it's \"quoted\" \\n </think>"), assistant(""), user("end")], {"add_generation_prompt": True, "documents": [{"title": "T", "text": "body"}]}),
]
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def variables_of(conversation):
    messages, more = conversation
    return {"messages": messages, "tools": None, "documents": None, "add_generation_prompt": False, **TOKENS, **more}
