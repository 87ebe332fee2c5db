# Runs cells of Python for sandbox.run_code, one after the other in one __main__, inside the sandbox.
# README.md says how it speaks with the server. It is started with -S, and imports as little as it can, since
# a new sandbox waits for it: what most cells don't need is imported at its first use.
import sys


def driver(port, token):
    import _ast
    import _io
    import _json
    import _signal
    import _socket
    import builtins
    import os

    most = 8 << 20  # bytes of one result; the server takes no line that is much longer
    link = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    link.connect(("127.0.0.1", port))
    link.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    link.sendall(token.encode() + b"\n")
    requests = _io.open(link.fileno(), "rb", closefd=False)
    quote = _json.encode_basestring_ascii
    own_globals = driver.__globals__
    home = os.getpid()
    sources = {}
    loop = None

    def send(kind, text):
        link.sendall(kind + text.encode() + b"\n")

    def to_object(fields):
        return "{" + ",".join(quote(name) + ":" + quote(value) for name, value in fields.items()) + "}"

    def as_text(kind, value):
        if isinstance(value, (bytes, bytearray)):
            import binascii
            return binascii.b2a_base64(value, newline=False).decode()
        if not isinstance(value, str):
            import json
            return json.dumps(value)
        return value

    def forms(value):
        found = {}
        bundle = getattr(type(value), "_repr_mimebundle_", None)
        if bundle is not None:
            given = bundle(value)
            if isinstance(given, tuple):
                given = given[0]
            found.update((kind, as_text(kind, form)) for kind, form in (given or {}).items())
        for kind, name in (("text/html", "html"), ("text/markdown", "markdown"), ("image/svg+xml", "svg"),
                           ("image/png", "png"), ("image/jpeg", "jpeg"), ("application/pdf", "pdf"),
                           ("text/latex", "latex"), ("application/json", "json"),
                           ("application/javascript", "javascript")):
            method = getattr(type(value), "_repr_" + name + "_", None)
            form = method(value) if method is not None and kind not in found else None
            if form is not None:
                found[kind] = as_text(kind, form[0] if isinstance(form, tuple) else form)
        found.setdefault("text/plain", repr(value))
        return found

    def show(found, main):
        if os.getpid() != home:
            return
        text = '{"main":%s,"data":%s}' % ("true" if main else "false", to_object(found))
        if len(text) > most:
            raise ValueError(f"a result of {len(text)} bytes is more than {most}; write it into a file")
        send(b"r", text)

    def display(*values):
        """Shows each value as the value of a cell is shown."""
        for value in values:
            show(forms(value), False)

    def show_figures():
        plots = sys.modules.get("matplotlib.pyplot")
        if plots is None:
            return
        for number in plots.get_fignums():
            image = _io.BytesIO()
            plots.figure(number).savefig(image, format="png", bbox_inches="tight")
            show({"image/png": as_text("image/png", image.getvalue()), "text/plain": "<Figure>"}, False)
        plots.close("all")

    def finish(code):
        value = eval(code, space)
        if not code.co_flags & 0x80:  # CO_COROUTINE: it awaits at its top level
            return value
        nonlocal loop
        if loop is None:
            import asyncio
            loop = asyncio.new_event_loop()
        return loop.run_until_complete(value)

    def execute(source, name):
        # 0x400: PyCF_ONLY_AST; 0x2000: PyCF_ALLOW_TOP_LEVEL_AWAIT
        tree = compile(source, name, "exec", 0x2400, True)
        last = None
        if tree.body and type(tree.body[-1]) is _ast.Expr:
            last = _ast.Expression(tree.body.pop().value)
        finish(compile(tree, name, "exec", 0x2000, True))
        if last is not None:
            value = finish(compile(last, name, "eval", 0x2000, True))
            if value is not None:
                space["_"] = value
                show(forms(value), True)
        show_figures()

    def describe(error):
        import linecache
        import traceback
        for name, source in sources.items():
            linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_globals is own_globals:
            trace = trace.tb_next
        lines = traceback.format_exception(type(error), error, trace)
        return to_object({"name": type(error).__name__, "value": str(error)[:most // 32],
                          "traceback": "".join(lines)[:most // 8]})

    def flush():
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:  # whatever the cells have put there
                pass

    def run(source, name):
        sources[name] = source
        answer = "{}"
        try:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)
            execute(source, name)
            flush()
        except BaseException as error:
            _signal.signal(_signal.SIGINT, ignore)
            if os.getpid() == home:
                answer = describe(error)
        _signal.signal(_signal.SIGINT, ignore)
        flush()
        if os.getpid() != home:  # a fork that has come to the end of the cell
            os._exit(0)
        return answer

    def ignore(*_):
        """Nobody runs: the signal has come too late. SIG_IGN would be handed down to programs."""

    class Site:
        """Adds the packages that are installed, once something is not found without them."""

        @staticmethod
        def find_spec(name, path=None, target=None):
            sys.meta_path.remove(Site)
            import site
            site.main()
            for finder in sys.meta_path:
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    return spec
            return None

    sys.meta_path.append(Site)
    sys.argv = [""]
    sys.stdout.reconfigure(line_buffering=True)
    os.environ.setdefault("MPLBACKEND", "Agg")
    main = type(sys)("__main__")
    space = main.__dict__
    space["__builtins__"] = builtins
    builtins.display = display
    sys.modules["__main__"] = main
    _signal.signal(_signal.SIGINT, ignore)
    changed = {}
    count = 0
    while True:
        head = requests.readline().split()
        if len(head) != 2:
            return
        body = requests.read(int(head[1])).decode()
        if head[0] == b"v":
            name, _, value = body.partition("=")
            changed.setdefault(name, os.environ.get(name))
            os.environ[name] = value
            continue
        count += 1
        answer = run(body, f"<cell {count}>")
        for name, value in changed.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        changed.clear()
        send(b"d", answer)


driver(int(sys.argv[1]), sys.argv[2])
