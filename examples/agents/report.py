"""An agent in plain Python: asks the first model that its key may use for a line, and stores it as an object.

It needs nothing but what a task gives every program: OPENAI_BASE_URL and OPENAI_API_KEY for models, ACLOUD_URL and
ACLOUD_API_KEY for all else, ACLOUD_GOAL for what it shall do.
"""
import json
import os
import sys
import urllib.request


def post(url, key, body, headers=None):
    request = urllib.request.Request(url, json.dumps(body).encode(), {
        "authorization": f"Bearer {key}", "content-type": "application/json", **(headers or {})})
    with urllib.request.urlopen(request, timeout=120) as reply:
        return json.load(reply)


def acloud(operation, **arguments):
    # With an idempotency key of its own a call is done once, also where this program is run again.
    once = {"idempotency-key": f"{os.environ['ACLOUD_TASK']}/{operation}"}
    return post(f"{os.environ['ACLOUD_URL']}/api/{operation.replace('.', '/')}", os.environ["ACLOUD_API_KEY"], arguments, once)


def main():
    model = os.environ.get("MODEL") or acloud("model.list")["items"][0]["name"]
    answer = post(f"{os.environ['OPENAI_BASE_URL']}/chat/completions", os.environ["OPENAI_API_KEY"], {
        "model": model, "messages": [{"role": "user", "content": os.environ["ACLOUD_GOAL"]}]})
    text = answer["choices"][0]["message"]["content"]
    stored = acloud("object.put", bucket=os.environ["BUCKET"], key=f"{os.environ['ACLOUD_TASK']}.txt", content=text)
    print(f"stored {stored['size']} bytes as {stored['key']} in {stored['bucket']}")


if __name__ == "__main__":
    sys.exit(main())
