"""The phrasings that requests are made of; paraphrases.py has more of each list.

A source is something to be looked up or computed, with templates as a noun phrase (NP), as a command (DO)
and as a question (ASK). A sink stores `{it}` somewhere. LINK joins the two; ALONE asks for a noun phrase.
"""

ALONE = [
    "<whatis> {np}?", "<tell> {np}", "<compute> {np}", "{np}?", "i need (to know|) {np}", "what would be {np}?", "{np}",
    "i want to know {np}", "could you find {np}?", "i'm looking for {np}", "(any idea|do you know) what {np} is?",
    "help me find {np}", "please look up {np}", "can you get {np} for me?", "<whatis> {np}, please?", "<tell> what {np} is",
    "i would like to know {np}", "check {np}", "we need {np}", "find out {np}", "(got|have you got) {np} for me?",
    "my question: what is {np}?", "let me see {np}", "{np} is what i need",
]

LINK = [
    "{do}<then> {put}", "{do}<then> {put}", "{put_np}", "{put_np}", "<compute> {np}<then> {put}", "take {np} and {put}", "i need {np}. {put}",
    "<whatis> {np}? {put}", "get {np}, {put}", "first {do}, then {put}", "{put_np}", "find {np} and {put}",
    "<tell> {np} and (also|) {put}", "once you have {np}, {put}", "{do}. {put}", "after you {do}, {put}", "{ask}? {put}",
    "(first|step 1): {do}. (second|step 2): {put}", "when you know {np}, {put}", "{do} (so that you can|to) {put}",
    "{np}: get it and {put}", "{put_np}", "fetch {np}<then> {put}", "look at {np}, {put}",
]
TELL_TOO = [" and tell me", " and tell me the <number>", ", then tell me the <number>", " and give me the <number>", " and answer with it",
            " and let me know what it is", ", then report it", " and show me the <number>", ". what is it?", " and say what it was",
            ". finally tell me the <number>", ", and let me see the <number>"]

FILTER = [" <where> {key} <is> {kv}", " for {key} {kv}", " <where> the {key} <is> {kv}", ", but only where {key} <is> {kv}",
          " for rows whose {key} <is> {kv}", " for the {key} {kv}", " if {key} <is> {kv}", " among rows (having|with) {key} {kv}",
          ", counting only {key} {kv}", " where {kv} is the {key}", " of the rows with {key} {kv}", " limited to {key} {kv}",
          " when the {key} <is> {kv}", " (just|only) for {key} {kv}"]

# `@` stands for the aggregate's own group, `#` for its nouns.
CSV_NP = [
    "the @ {col} <in> <file> {file}", "the @ the {col} column <in> {file}", "the @ {col} <column> in <file> {file}",
    "the {col} # (in|of|for) <file> {file}", "@ {col} in {file}", "the # of {col} over all rows of {file}", "the # of {col} in {file}",
    "{file}'s @ {col}", "the # of the {col} <column> <in> <file> {file}", "the @ {col} for {file}", "the # for {col} across {file}",
    "the # that {col} (has|reaches) in {file}", "the @ {col} (found|listed|recorded) in <file> {file}", "the # of column {col} in {file}",
    "the @ column {col} <in> {file}", "in {file}, the @ {col}", "the @ all {col} values in {file}", "the {file} # of {col}",
    "the @ {col} as given in {file}", "the # over the {col} numbers <in> {file}",
]
NOUNS = {"sum": "(sum|total|grand total)", "mean": "(average|mean|average value)", "max": "(maximum|highest value|peak|largest value)",
         "min": "(minimum|lowest value|smallest value|least value)"}
CSV_DO = {
    "sum": ["add up (the|all|) {col} (values|numbers|) in {file}", "sum (up|) (the|all|) {col} <column> <in> {file}",
            "total (up|) (the|) {col} (column|) in {file}", "open {file} and add up {col}", "go through {file} and sum the {col} column",
            "take {file} and add (up|) all its {col} (numbers|values)", "read {file} and sum {col}", "add together the {col} of all rows in {file}",
            "sum {col} over <file> {file}", "run over {file} and total {col}"],
    "mean": ["average (the|) {col} (values|numbers|column|) in {file}", "take the (mean|average) over {col} in {file}",
             "open {file} and average the {col} column", "go through {file} and average {col}", "average {col} over (all rows of|) {file}",
             "read {file} and take the mean of {col}", "use {file} to get the average {col}", "work through {file} and compute the mean {col}"],
    "max": ["find how high {col} goes in {file}", "find the row with the (highest|largest) {col} in {file}", "open {file} and find the top {col}",
            "go through {file} and pick the largest {col}", "look for the (biggest|highest) {col} in {file}", "search {file} for the maximum {col}",
            "read {file} and get the max of {col}", "pick out the greatest {col} from {file}"],
    "min": ["find how low {col} goes in {file}", "find the row with the (lowest|smallest) {col} in {file}", "open {file} and find the least {col}",
            "go through {file} and pick the smallest {col}", "look for the (smallest|lowest) {col} in {file}", "search {file} for the minimum {col}",
            "read {file} and get the min of {col}", "pick out the lowest {col} from {file}"],
}
CSV_ASK = {
    "sum": ["how much {col} is (there|) in {file} (in total|altogether|in all)", "what do the {col} values in {file} add up to", "how much is all {col} in {file} together",
            "what does {col} in {file} (sum|add) up to", "what does the {col} column of {file} come to in total", "how large is the total {col} in {file}",
            "how much {col} do we have in {file} overall", "how big is the sum of {col} in {file}"],
    "mean": ["how much is {col} on average in {file}", "what is {col} on average in {file}", "how high is the average {col} in {file}",
             "what is the {col} in {file} on average", "how large is the mean {col} in {file}", "on average, how big is {col} in {file}"],
    "max": ["how high does {col} (get|go) in {file}", "how large is {col} at most in {file}", "how big does {col} get in {file}", "what is {col} at most in {file}",
            "which {col} is the (highest|largest|biggest) in {file}", "what is the most {col} in {file}", "how high is the top {col} in {file}"],
    "min": ["how low does {col} (get|go) in {file}", "how small is {col} at least in {file}", "how small does {col} get in {file}", "what is {col} at least in {file}",
            "which {col} is the (lowest|smallest) in {file}", "what is the least {col} in {file}", "how low is the smallest {col} in {file}"],
}
COUNT_NP = ["the number of rows in <file> {file}", "the row count of {file}", "the number of (records|entries) in {file}", "the count of rows in {file}",
            "how many rows <file> {file} has", "how many (rows|records|entries) there are in {file}", "the row count for <file> {file}",
            "the amount of rows in {file}", "{file}'s number of rows", "the number of data rows <in> {file}", "how many rows are in {file}"]
COUNT_DO = ["count the (rows|records|entries) (in|of) <file> {file}", "open {file} and count its (rows|records)", "count all rows in {file}",
            "count how many (rows|records) <file> {file} has", "go through {file} and count the rows", "read {file} and count the (rows|records)"]
COUNT_ASK = ["how many (rows|records|entries) are (there|) in <file> {file}", "how many rows does {file} (have|contain|hold)", "how long is {file} in rows",
             "how many (records|entries|rows) has <file> {file} got", "{file} has how many rows", "how many data rows (are in|does one find in) {file}"]
GROUP = ["the @ {col} (per|by|for each) {key} in {file}", "the @ {col} in {file}, by {key}", "the # of {col} for (each|every) {key} in {file}",
         "the @ {col} grouped by {key} in {file}", "@ {col} per {key} <in> {file}", "in {file}, the @ {col} of each {key}"]

# kind -> (NP, DO, ASK)
SOURCES = {
    "read": (
        ["the (content|contents|text) (of|in) <file> {file}", "(what|whatever) is in <file> {file}", "what <file> {file} (says|contains|holds)", "the {file} file",
         "everything in {file}", "the words in {file}", "what stands in <file> {file}", "{file}'s (content|text)", "what we have in {file}", "the data inside {file}"],
        ["<read> <file> {file}", "cat {file}", "<read> the (content|contents|text) of {file}", "load {file}", "<read> what {file} (says|contains)", "read out {file}",
         "go and read {file}", "<read> the file {file}", "get {file}", "have a look (at|into) {file}", "take a look inside {file}", "dump {file}"],
        ["what does {file} (say|contain|hold)", "what is (written|stored|) in {file}", "what's in(side|) {file}", "what stands in {file}", "what (text|content) has {file}",
         "what can be read in {file}"]),
    "lines": (
        ["the number of lines in <file> {file}", "the line count of {file}", "how many lines {file} has", "the count of lines in {file}", "{file}'s line count",
         "how many lines there are in {file}", "the length of {file} in lines"],
        ["count the lines (in|of) <file> {file}", "count how many lines {file} has", "do a line count (of|on) {file}", "open {file} and count its lines", "count all lines of {file}",
         "check how many lines {file} has"],
        ["how many lines (are in|does|has) {file}", "how many lines are there in {file}", "how long is {file} in lines", "how many lines does {file} (have|contain)", "{file} has how many lines"]),
    "command": (
        ["the output of {cmd}", "what {cmd} prints", "the result of {cmd}", "what {cmd} (says|gives|returns)", "the output (from|when) running {cmd}", "the response of the command {cmd}"],
        ["<run> {cmd}", "<run> the command {cmd}", "<run> {cmd} in the sandbox", "<run> this command: {cmd}", "in the sandbox, <run> {cmd}", "<run> the shell command {cmd}", "use the shell to run {cmd}",
         "type {cmd} in the shell", "<run> {cmd} in (bash|the shell)", "<run> the following: {cmd}", "let the sandbox run {cmd}", "have {cmd} run in the sandbox"],
        ["what does {cmd} (print|say|give|return|output)", "what is the output of {cmd}", "what happens when you run {cmd}", "what comes out of {cmd}", "what do you get from {cmd}"]),
    "calc": (
        ["{a} {op} {b}", "the result of {a} {op} {b}", "the value of {a} {op} {b}", "{a} {op} {b} in python", "how much {a} {op} {b} is", "what {a} {op} {b} makes"],
        ["<compute> {a} {op} {b}", "use python (for|to compute) {a} {op} {b}", "evaluate {a} {op} {b}", "run python on {a} {op} {b}", "calculate {a} {op} {b} (with|in) python", "solve {a} {op} {b}",
         "do the math: {a} {op} {b}"],
        ["how much is {a} {op} {b}", "what is {a} {op} {b}", "what does {a} {op} {b} (make|give|equal)", "{a} {op} {b} is what", "what do you get for {a} {op} {b}"]),
    "get": (
        ["the (content|contents|text) of <object> {key} <in> <bucket> {bucket}", "<object> {key} from <bucket> {bucket}", "what is (stored|) under {key} in bucket {bucket}",
         "what bucket {bucket} has under {key}", "the object {bucket}/{key}", "what object {key} in bucket {bucket} (says|holds|contains)", "the {key} object <in> <bucket> {bucket}", "the object stored as {key} in bucket {bucket}",
         "the data of {key} in the {bucket} bucket", "what we stored in bucket {bucket} under {key}", "{key} out of bucket {bucket}", "what the bucket {bucket} holds at {key}"],
        ["get <object> {key} from <bucket> {bucket}", "<read> <object> {key} <in> <bucket> {bucket}", "download {key} from <bucket> {bucket}", "fetch (object|) {bucket}/{key}", "retrieve {key} from bucket {bucket}", "load {key} from the {bucket} bucket",
         "from bucket {bucket}, (get|read|fetch) {key}", "look into bucket {bucket} and read {key}", "go to bucket {bucket} and fetch {key}", "<read> the object {key} of bucket {bucket}", "pull {key} (out of|from) bucket {bucket}",
         "open <object> {key} <in> bucket {bucket}"],
        ["what does <object> {key} in bucket {bucket} (say|contain|hold)", "what is (stored|) in bucket {bucket} under {key}", "what's in object {bucket}/{key}", "what did we (store|save|put) in bucket {bucket} as {key}", "what has bucket {bucket} under {key}",
         "what is the content of {key} in bucket {bucket}"]),
    "rows": (
        ["the number of rows in <table> {table} of <database> {db}", "the row count of {table} in <database> {db}", "how many rows <table> {table} of <database> {db} has", "the count of rows in the {table} table of {db}", "how many (records|entries) are in table {table} of database {db}",
         "the number of (entries|records) in <table> {table} of <database> {db}", "the size of table {table} in database {db}"],
        ["count the (rows|records|entries) (in|of) <table> {table} (of|in) <database> {db}", "count rows of {table} in {db}", "in <database> {db}, count the rows of <table> {table}", "ask database {db} how many rows {table} has", "query database {db} for the row count of {table}",
         "go to database {db} and count the rows in {table}"],
        ["how many (rows|records|entries) are (there|) in <table> {table} of <database> {db}", "how many rows does <table> {table} in <database> {db} (have|hold)", "how big is table {table} in database {db}", "in <database> {db}, how many rows has {table}", "how many rows has table {table} of {db} got"]),
    "total": (
        ["the @ {col} in <table> {table} of <database> {db}", "the @ the column {col} in <table> {table} of {db}", "the # of {col} in <table> {table} of <database> {db}", "the {col} # of table {table} in database {db}", "in <database> {db}, the @ {col} of table {table}",
         "the @ {col} over table {table} of database {db}"],
        ["query <database> {db} for the @ {col} in {table}", "ask database {db} for the # of {col} in <table> {table}", "look into <database> {db} and find the @ {col} of {table}", "use sql on {db} to get the @ {col} of table {table}"],
        ["what is the @ {col} in <table> {table} of <database> {db}", "what's the # of {col} in the {table} table of {db}", "how (high|large) is the # of {col} in <table> {table} of <database> {db}", "in database {db}, what is the @ {col} of table {table}"]),
    "lookup": (
        ["the {col} of the row with {key} {kv} in <table> {table} of <database> {db}", "the {col} where {key} <is> {kv} in <table> {table} of <database> {db}", "{col} for {key} {kv} in <table> {table} of <database> {db}", "the {col} that <table> {table} in <database> {db} has for {key} {kv}",
         "the {col} for {key} {kv} from <table> {table} of {db}", "the {col} belonging to {key} {kv} in table {table} of database {db}", "in <database> {db}, the {col} of {key} {kv} in {table}"],
        ["look up the {col} (for|of) {key} {kv} in <table> {table} of <database> {db}", "query <database> {db} for the {col} where {key} <is> {kv} in {table}", "select {col} from {table} where {key} <is> {kv} in <database> {db}", "find the {col} for {key} {kv} in <table> {table} of <database> {db}", "ask database {db} for {col} in {table} where {key} <is> {kv}",
         "in database {db}, look up {col} in {table} for {key} {kv}"],
        ["what is the {col} of {key} {kv} in <table> {table} of <database> {db}", "which {col} has {key} {kv} in <table> {table} of <database> {db}", "what {col} does {table} in {db} have for {key} {kv}", "in <database> {db}, what is the {col} in {table} where {key} <is> {kv}", "which {col} belongs to {key} {kv} in table {table} of database {db}"]),
    "receive": (
        ["the next message (from|in|of) <queue> {queue}", "the first message (in|of) <queue> {queue}", "a message from <queue> {queue}", "the oldest message in queue {queue}", "what is waiting in queue {queue}", "the next item (from|of|in) queue {queue}", "what queue {queue} holds next",
         "the message at the head of queue {queue}"],
        ["receive (a|the next|one) message from <queue> {queue}", "take (a|the next|one) message from <queue> {queue}", "read (a|the next|one|the first) message (from|of|in) <queue> {queue}", "pull (a message|the next message) from queue {queue}", "poll <queue> {queue}", "check <queue> {queue} for (a message|messages)", "fetch the next message of queue {queue}", "get (the next|a) message (from|off) <queue> {queue}",
         "look into queue {queue} for a message", "pop (a|the next) message from <queue> {queue}"],
        ["what is the next message in <queue> {queue}", "what is (waiting|next) in queue {queue}", "is there (a|any) message in queue {queue}", "what (message|) came in on queue {queue}", "anything (new|) in queue {queue}", "is anything waiting in queue {queue}"]),
    "recall": (
        ["what you (remember|know) about {topic}", "what memory (says|has) about {topic}", "your notes (on|about) {topic}", "the memory about {topic}", "what you noted about {topic}", "what you have stored about {topic}", "what is remembered of {topic}"],
        ["search (your|the|) memory for {topic}", "recall {topic}", "look in (your|) memory for {topic}", "look up {topic} in memory", "tell me what you know about {topic}", "check your memory for {topic}", "remind me of {topic}", "ask memory about {topic}", "search what you remember about {topic}"],
        ["what do you (remember|know) about {topic}", "do you remember {topic}", "what did i tell you about {topic}", "what did i say about {topic}", "do you recall {topic}", "what was that about {topic}", "is there anything in memory about {topic}"]),
}

# Sinks: `{it}` is what is stored.
SINKS = {
    "put": ["<store> {it} in <bucket> {bucket} <under> {key}", "<store> {it} (under|as) {key} in <bucket> {bucket}", "<store> {it} (to|into) {bucket}/{key}", "<store> {it} as object {key} (in|into) <bucket> {bucket}", "<store> {it} (in|into) object {key} of bucket {bucket}",
            "make {it} the content of {key} in bucket {bucket}", "let object {key} in bucket {bucket} (be|hold|contain) {it}", "in bucket {bucket}, (set|write) {key} to {it}", "set (object|key|) {key} (in|of) bucket {bucket} to {it}", "create (an|the) object {key} in bucket {bucket} (with|from|holding) {it}",
            "upload {it} to <bucket> {bucket}( with|,) key {key}", "bucket {bucket} should (get|have|contain) {it} under {key}", "(write|put|add) an object named {key} with {it} to the {bucket} bucket", "use {key} as the key and (put|store) {it} in bucket {bucket}", "<store> {it} in the {bucket} bucket, key {key}",
            "i want {it} (stored|saved|kept) in bucket {bucket} as {key}", "put {it} in object storage: bucket {bucket}, key {key}", "object {key} in bucket {bucket} must become {it}", "<store> {it} with key {key} into bucket {bucket}", "copy {it} to bucket {bucket} as {key}"],
    "insert": ["<insert> {it} (into|in|to) <table> {table} (of|in) <database> {db}", "<insert> {it} (into|in|to) the {table} table of <database> {db}", "in <database> {db}, <insert> {it} into <table> {table}", "add a row with {it} to <table> {table} (of|in) <database> {db}", "<insert> {it} (into|to) {table} in <database> {db}",
               "make a row with {it} in table {table} of database {db}", "<database> {db}: <insert> {it} into {table}", "use sql to insert {it} into {table} of <database> {db}", "<insert> {it} as a (new|) row (of|in) <table> {table} in <database> {db}", "table {table} of database {db} should get a row with {it}",
               "append {it} to <table> {table} of <database> {db}", "i want {it} in <table> {table} of <database> {db}", "open database {db} and put {it} in table {table}", "create a row holding {it} in {table}, database {db}"],
    "insert_col": ["<insert> {it} (into|in|to) column {column} of <table> {table} (of|in) <database> {db}", "<insert> {it} as {column} (into|in|to) <table> {table} of <database> {db}", "in <database> {db}, <insert> {it} into {table} as {column}", "add a row to <table> {table} of <database> {db} with {column} set to {it}",
                   "<insert> {it} into the {column} column of <table> {table} in <database> {db}", "<insert> {it} into <table> {table} of <database> {db}, column {column}", "make a row in table {table} of database {db} with {it} as its {column}", "use sql to insert {it} as {column} into {table} of {db}", "<insert> {it} under {column} in <table> {table} of <database> {db}"],
    "send": ["<send> {it} (to|into|on|onto) <queue> {queue}", "<send> {it} as a message (to|into) <queue> {queue}", "<send> a message with {it} to <queue> {queue}", "let <queue> {queue} have {it}", "<send> {it} in queue {queue}", "queue {it} (in|on) {queue}", "on queue {queue}, <send> {it}",
             "use queue {queue} to send {it}", "queue {queue} should get {it}", "put a message into queue {queue} saying {it}", "<queue> {queue}: <send> {it}", "hand {it} over to queue {queue}", "deliver {it} to <queue> {queue}", "i want {it} (sent|delivered) to queue {queue}"],
    "write": ["<store> {it} (to|into|in) <file> {file}", "write {it} (to|into) <file> {file}", "create (a|the) file {file} (with|containing) {it}", "make (a|the) file {file} (with|that holds) {it}", "let <file> {file} contain {it}", "<store> {it} as {file} in the sandbox", "in the sandbox, write {it} to {file}",
              "set the content of file {file} to {it}", "put {it} (in|into) a file (called|named) {file}", "file {file} should (hold|contain|have) {it}", "fill <file> {file} with {it}", "i want a file {file} with {it}", "dump {it} (in|into) {file}", "write a file {file} that says {it}"],
    "remember": ["<remember> {it} (in memory|)", "add {it} to (your|) memory", "<remember> {it} for later", "store {it} in (your|) memory", "put {it} in your memory", "keep {it} in memory", "<remember> {it}", "commit {it} to memory", "take {it} into your memory", "make {it} part of your memory", "i want you to remember {it}",
                 "save {it} as a memory"],
}
FACT = ["<remember> that {text}", "<remember>: {text}", "please remember that {text}", "for later: {text}, remember it", "remember this: {text}", "{text}. remember that", "you should know that {text}", "note: {text}", "fyi, {text}. keep it in mind",
        "add to memory that {text}", "keep this in memory: {text}", "(save|store) in memory: {text}", "store the fact that {text}", "i tell you that {text}, don't forget it", "put this into memory: {text}", "memory note: {text}"]
# A literal as `{it}`; `{text}` has quotes here.
LITERAL = ["{text}", "the <text> {text}", "{text}", "this <text> {text}", "{text}", "the following: {text}", "a <text> {text}"]
THIS = ["this", "the following", "the text below", "this text", "what follows"]  # ... : {text}

# Single steps: kind -> templates.
STEPS = {
    "list_files": ["(list|show) (the|all|my|) files (in the sandbox|)", "what files (are|do we have) (there|in the sandbox|here)?", "which files are in the sandbox?", "show me what files there are", "run ls", "list what is in the sandbox", "what's in the sandbox?", "give me a list of (the|all) files",
                   "(tell|show) me the file names", "which files do you see?", "show the directory (listing|)", "what files exist?", "list the folder"],
    "list_objects": ["list (the|all|) (objects|keys|contents) (in|of) <bucket> {bucket}", "what (is|objects are|keys are) in <bucket> {bucket}?", "show (me|) (all|the|) (objects|keys) in <bucket> {bucket}", "which (objects|keys) (are in|has|does) <bucket> {bucket}( hold|)?", "what does <bucket> {bucket} (contain|hold|have)?",
                     "give me the keys of <bucket> {bucket}", "list <bucket> {bucket}", "look into <bucket> {bucket} and list its (objects|keys)", "enumerate <bucket> {bucket}", "tell me what is in bucket {bucket}", "all keys in bucket {bucket}, please"],
    "delete_object": ["<delete> <object> {key} (in|from|of) <bucket> {bucket}", "<delete> {bucket}/{key}", "<delete> {key} from the {bucket} bucket", "in bucket {bucket}, <delete> {key}", "i don't need <object> {key} in bucket {bucket} any more, <delete> it", "make sure <object> {key} is gone from bucket {bucket}", "<object> {key} in bucket {bucket} can go",
                      "from bucket {bucket} <delete> the object {key}", "take <object> {key} out of bucket {bucket}", "bucket {bucket}: <delete> {key}", "<delete> the {key} object (in|of) <bucket> {bucket}"],
    "create_bucket": ["<create> (a|the|a new) bucket {bucket}", "<create> (a|a new) bucket (called|named) {bucket}", "<create> bucket {bucket}", "i need a (new|) bucket (called|named) {bucket}", "we need a bucket {bucket}", "new bucket: {bucket}", "there should be a bucket {bucket}", "let there be a bucket (called|named|) {bucket}", "can i have a bucket named {bucket}?",
                      "<create> an object bucket {bucket}"],
    "create_queue": ["<create> (a|the|a new) queue {queue}", "<create> (a|a new) queue (called|named) {queue}", "<create> queue {queue}", "i need a (new|) queue (called|named) {queue}", "we need a queue {queue}", "new queue: {queue}", "there should be a queue {queue}", "<create> a message queue {queue}", "can i have a queue named {queue}?", "let there be a queue {queue}"],
    "create_database": ["<create> (a|the|a new) database {db}", "<create> (a|a new) database (called|named) {db}", "<create> database {db}", "i need a (new|) database (called|named) {db}", "we need a database {db}", "new database: {db}", "there should be a database {db}", "<create> an empty database {db}", "can i have a database named {db}?", "let there be a database {db}"],
    "create_table": ["<create> (a|the|a new) table {table} with (the|) columns {c1} and {c2} in <database> {db}", "in <database> {db}, <create> a table {table} with columns {c1} and {c2}", "<create> table {table} with {c1} and {c2} in database {db}", "<database> {db} needs a table {table} with columns {c1} and {c2}", "<create> a table (called|named) {table} in <database> {db}, columns {c1} and {c2}",
                     "i need a table {table} with {c1} and {c2} in <database> {db}", "<create> {table} in <database> {db} with columns {c1}, {c2}", "add to <database> {db} a table {table} that has {c1} and {c2}"],
    "insert_row": ["<insert> a row into <table> {table} of <database> {db} with {c1} {v1} and {c2} {v2}", "in <database> {db}, <insert> {c1} {v1} and {c2} {v2} into <table> {table}", "<insert> {c1} {v1}, {c2} {v2} (into|in) <table> {table} of <database> {db}", "add to {table} in <database> {db}: {c1} {v1}, {c2} {v2}", "<insert> {c1} = {v1} and {c2} = {v2} into <table> {table} of <database> {db}",
                   "new row for <table> {table} in <database> {db}: {c1} is {v1} and {c2} is {v2}", "put a row with {c1} {v1} and {c2} {v2} in <table> {table} of <database> {db}", "table {table} of database {db} gets a row: {c1} {v1}, {c2} {v2}", "<insert> into {table} of {db} the {c1} {v1} with {c2} {v2}"],
    "schedule": ["schedule {name} with cron {cron}", "run {name} on the schedule {cron}", "<create> a schedule {name}: {cron}", "set {name} to run at {cron}", "{name} should run at cron {cron}", "plan {name} for {cron}"],
    "ack": ["take (a|the next) message from <queue> {queue} and (acknowledge|ack|confirm) it", "receive from <queue> {queue} and (ack|acknowledge)", "(process|handle) the next message of queue {queue} and (ack|acknowledge|remove) it", "(ack|acknowledge) the next message (in|of) <queue> {queue}", "read a message from queue {queue}, then confirm it", "consume one message (from|of) <queue> {queue}"],
}

HELLO = ["hello", "hi", "hey", "hi there", "good (morning|evening|day|afternoon)", "hello there", "hey you", "greetings", "hi, how are you?", "hello!", "yo", "hello, anybody there?", "nice to meet you", "how are you?", "howdy", "hi again", "are you there?"]
ABILITIES = ["what can you do?", "what are you able to do?", "help", "how can you help me?", "what do you do?", "who are you?", "which tools do you have?", "what are you?", "what can i ask you?", "tell me what you can do", "what are your abilities?", "list your abilities", "what things can you do for me?", "what is this?", "how do you work?",
             "introduce yourself", "can you explain what you do?", "how can i use you?", "i need help", "show me what you can do"]
THANKS = ["thanks", "thank you", "thanks a lot", "great, thanks", "many thanks", "perfect, thank you", "cool, thanks", "thank you very much", "thx", "that's great, thank you", "wonderful", "well done", "good job", "nice work", "very good, thanks"]
BYE = ["bye", "goodbye", "see you", "that's all", "bye bye", "see you later", "i'm done", "that is all for today", "good night", "that was it", "have a nice day", "until next time"]
# What no operation of the catalog does.
OUTSIDE = ["write (me|) a (poem|song|story|joke|haiku) about {topic}", "what is the weather in {topic}?", "send an email to {topic}", "translate {topic} (to|into) (french|german|chinese|spanish)", "who is {topic}?", "what is the capital of {topic}?", "book a (flight|hotel|table) (to|in|for) {topic}", "tell me a (joke|story) about {topic}",
           "call {topic} (on the phone|)", "draw a (picture|cat|logo) of {topic}", "play (some|) {topic} music", "what do you think about {topic}?", "order (a|some) {topic} for me", "how do i cook {topic}?", "who won the {topic} game?", "what time is it in {topic}?", "post {topic} on (twitter|the web)", "buy {topic} stock", "explain {topic} to me",
           "set an alarm for {topic}", "open the {topic} website", "search the web for {topic}", "turn on the light in {topic}", "how old is {topic}?", "write an essay on {topic}", "find a restaurant near {topic}", "summarize the book {topic}", "what is the meaning of {topic}?", "take a photo of {topic}", "send {topic} a text message"]
SYSTEM = ["You are a helpful assistant.", "You are an agent.", "You are an agent of acloud. Use the tools.", "You help with tasks in the cloud.", "Answer briefly.", "You are acloud's assistant.", "Use the tools that are listed.",
          "You are a careful agent. Call tools when needed and answer in one sentence.", "Do what the user asks.", "You work for {topic}.", "You are {topic}, an assistant.", "Be short and exact."]
SANDBOX = [" in sandbox {sbx}", ", the sandbox being {sbx}", " using sandbox {sbx}", ", sandbox {sbx}", " inside sandbox {sbx}", ". the sandbox is {sbx}", ". use sandbox {sbx}", " on sandbox {sbx}"]
SANDBOX_FIRST = ["in sandbox {sbx}, ", "sandbox {sbx}: ", "use sandbox {sbx}. ", "the sandbox is {sbx}. ", "with sandbox {sbx}, ", "go to sandbox {sbx} and ", "inside sandbox {sbx}, "]
SANDBOX_SYSTEM = ["The sandbox is {sbx}.", "Use sandbox {sbx}.", "Your sandbox: {sbx}", "sandbox id: {sbx}", "Work in sandbox {sbx}."]
