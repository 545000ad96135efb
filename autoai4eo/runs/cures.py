"""What a user does about a damaged file of a run."""

RUN = (
    "restore it from a copy; `autoai4eo fit` with the same arguments and data makes it "
    "again"
)
EVALUATION = (
    "restore it from a copy, or give `autoai4eo fit` the same arguments: it sets it "
    "aside and makes it again"
)
STATISTICS = "remove it: `autoai4eo fit` with the same arguments makes it anew"
SAMPLES = "remove it: `autoai4eo fit` with the same arguments makes it again"
REFERENCES = "remove it: `autoai4eo fit` with the same arguments makes it again"
REPORT = "restore it from a copy, or remove it: the report is written without it"
REPEAT = "remove it: `autoai4eo fit` with the same arguments trains it again"
SELECTION = "remove it: `autoai4eo fit` with the same arguments makes it again"
COMPACT = (
    "restore it from a copy, or search again in another folder with `autoai4eo compact "
    "search`"
)
