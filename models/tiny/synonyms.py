"""Words that may stand for one another; paraphrases.py has more of each group."""

SYNONYMS = {
    # verbs of asking
    "compute": ["compute", "calculate", "work out", "find", "determine", "figure out", "get", "give me", "tell me",
                "show me", "find out", "report"],
    "tell": ["tell me", "give me", "show me", "get me", "let me know", "report", "find", "fetch", "look up", "i want", "print",
             "say", "display", "i'd like", "return"],
    "whatis": ["what is", "what's", "whats", "do you know", "can you tell me", "could you say"],
    "read": ["read", "open", "show", "print", "display", "show me", "view", "look at", "output", "give me", "see"],
    # verbs of storing
    "store": ["store", "save", "put", "write", "keep", "place", "drop", "upload", "record", "park", "add"],
    "insert": ["insert", "store", "put", "write", "save", "add", "record", "log", "enter", "keep"],
    "send": ["send", "push", "post", "put", "enqueue", "submit", "publish", "add", "drop", "write"],
    "remember": ["remember", "note", "memorize", "keep in mind", "don't forget", "make a note", "bear in mind", "store in memory"],
    "create": ["create", "make", "set up", "add", "open", "start", "build", "i need", "prepare"],
    "delete": ["delete", "remove", "erase", "drop", "get rid of", "throw away", "clear", "destroy"],
    "run": ["run", "execute", "start", "launch", "do", "invoke", "call", "try"],
    # nouns
    "bucket": ["bucket", "bucket", "the bucket", "object bucket", "storage bucket"],
    "under": ["under", "as", "with key", "under the key", "with the key", "named", "using key", "at key", "called", "key"],
    "object": ["object", "the object", "key", "the key", "the entry", "item"],
    "queue": ["queue", "the queue", "queue", "the queue named", "queue"],
    "table": ["table", "the table", "table", "table named", "the table called"],
    "database": ["database", "the database", "db", "the db", "database"],
    "file": ["file", "the file", "", "", "the file named", "the csv file"],
    "text": ["text", "content", "the text", "the content", "string", "words", "the words"],
    "result": ["it", "the result", "that", "the value", "the answer", "it", "this", "the outcome", "the output"],
    "number": ["result", "value", "number", "figure", "answer", "outcome"],
    "in": ["in", "of", "from", "inside", "within", "in"],
    # aggregates, as noun phrases before a column
    "sum": ["sum of", "total of", "total", "sum of all", "sum over", "overall", "sum for", "added up"],
    "mean": ["mean of", "average of", "average", "mean", "average of the", "mean value of", "typical", "arithmetic mean of"],
    "max": ["maximum of", "highest", "largest", "maximum", "biggest", "max", "greatest", "max of", "top", "peak"],
    "min": ["minimum of", "lowest", "smallest", "minimum", "least", "min", "min of", "tiniest", "bottom"],
    "column": ["", "", "column", "values", "value", "field", "numbers", "entries"],
    "then": [", then", " and", " and then", ", and then", ". then", ". after that,", ". next,", "; then", ", afterwards", " and finally"],
    "where": ["where", "for rows where", "with", "only where", "for rows with", "when", "if", "for which", "counting only rows with"],
    "is": ["is", "=", "equals", "is", "==", "is equal to"],
    # around a whole request
    "prefix": ["please ", "hi, ", "hey, ", "can you ", "could you ", "hello! ", "ok, ", "now ", "would you ", "please, ",
               "i need you to ", "hi! please ", "ok now ", "hey there, ", "quick one: ", "task: ", "so, ", "next: ", "good morning, ",
               "well, ", "one more thing: ", "for me, ", "if you can, ", "go ahead and ", "right, ", "hello, could you ", "alright, "],
    "suffix": [" please", ", please", " for me", ", thanks", " now", " thank you", " quickly", ", will you", " today",
               " if you can", ", ok", ", thank you", " right away", ", cheers", " for my report", " when you can", " if possible"],
}
