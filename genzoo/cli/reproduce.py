"""genzoo reproduce"""


def add_verb(verbs: object) -> None:
    pass
