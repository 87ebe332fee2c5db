"""The skills of a server, as its well-known addresses give them."""

import io
import re
import tarfile

INDEX = "/.well-known/agent-skills/index.json"
FENCE = re.compile(r"^```(\S+)(?: ([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fetch(server, index=INDEX, host=None):
    """{skill: {path: text}}, from the archives of the newer index, as they are for who comes by `host`."""
    headers = {"Host": host} if host else {}
    skills = {}
    for entry in server.request("GET", index, headers=headers, key="").json["skills"]:
        archive = server.request("GET", entry["url"], headers=headers, key="").body
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            skills[entry["name"]] = {each.name: tar.extractfile(each).read().decode() for each in tar}
    return skills


def blocks(text):
    """(language, word after it, body) of each fenced block."""
    return [(language, word or "", body) for language, word, body in FENCE.findall(text)]


def front_matter(text):
    """The fields of a SKILL.md's front matter: YAML as far as the specification lets it go here, that is
    `name: value` and one level of `  name: value`, each value plain or a double-quoted string."""
    found = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    if not found:
        raise ValueError("no front matter")
    fields, inside = {}, None
    for line in found[1].split("\n"):
        parts = re.match(r'(  )?([A-Za-z][A-Za-z0-9_-]*):(?: (.+))?$', line)
        if not parts:
            raise ValueError(f"not YAML as it is allowed here: {line}")
        indent, name, value = parts.groups()
        if value is None:
            inside = fields[name] = {}
            continue
        if value.startswith('"'):
            quoted = re.fullmatch(r'"((?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-f]{4})*)"', value)
            if not quoted:
                raise ValueError(f"not a quoted string: {value}")
            value = quoted[1].replace('\\"', '"').replace("\\\\", "\\")
        elif re.search(r"[:#\[\]{}&*!|>'%@`]", value):
            raise ValueError(f"a plain value that YAML would read otherwise: {value}")
        (inside if indent else fields)[name] = value
    return fields
