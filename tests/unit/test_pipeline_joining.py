"""Files that come to others: the same bytes are one reference, and what each brings is kept."""

from dataclasses import replace

from bot.domain.conform import Anchor, Made, Part, Record, Target, Verdict
from bot.domain.media import Kind, MediaFacts
from bot.domain.reasons import reason
from bot.domain.references import Collected, Fate, OfferSource, Origin, Reference, numbered, stands_for_person
from bot.pipeline.joining import joined

POSTED = Origin(source=OfferSource.TARGET, owner_id=9, message_id=90)
UPLOADED = Origin(source=OfferSource.OPTION)


def file(identity: str, name: str, content: str, **fields: object) -> Reference:
    made = Reference(
        id=identity,
        number=0,
        kind=Kind.IMAGE,
        kind_number=0,
        name=name,
        content=content * 64,
        facts=MediaFacts(kind=Kind.IMAGE, format="png", byte_count=1),
    )
    return replace(made, **fields)  # type: ignore[arg-type]  fields of a reference


def came(*references: Reference) -> Collected:
    fates = tuple(Fate(name=one.name, source=OfferSource.FORM, reference_id=one.id) for one in references)
    return Collected(references=numbered(references), fates=fates)


def test_what_comes_later_comes_last_and_keeps_no_name_that_is_taken() -> None:
    there = numbered([file("a", "hero.png", "a")])

    together = joined(there, came(file("b", "hero.png", "b"), file("c", "Sea.png", "c", also=("HERO.png",))))

    assert [(one.number, one.id, one.name, one.also) for one in together.references] == [
        (1, "a", "hero.png", ()),
        (2, "b", "hero (2).png", ()),
        (3, "c", "Sea.png", ("HERO (3).png",)),
    ]


def test_the_same_bytes_keep_every_origin_so_that_each_owner_has_a_say() -> None:
    there = numbered([file("a", "hero.png", "a", origins=(POSTED,))])

    (one,) = joined(there, came(file("b", "mine.png", "a", origins=(UPLOADED,)))).references

    assert (one.id, one.name, one.also) == ("a", "hero.png", ("mine.png",))
    assert one.origins == (POSTED, UPLOADED)


def test_of_the_same_bytes_those_that_were_decided_on_decide_what_they_are() -> None:
    facts = MediaFacts(kind=Kind.VIDEO, format="webp", byte_count=1, seconds=3.0)
    record = Record(verdict=Verdict.CONVERT, code="webp", kind=Kind.VIDEO, facts=facts)
    earlier = numbered([file("a", "hero.webp", "a")])
    decided = file("b", "b.webp", "a", kind=Kind.VIDEO, facts=facts, record=record)

    (one,) = joined(earlier, came(decided)).references
    assert (one.id, one.record, one.kind, one.facts, one.token) == ("a", record, Kind.VIDEO, facts, "@Video1")

    (one,) = joined(numbered([decided]), came(file("a", "hero.webp", "a"))).references
    assert (one.id, one.record, one.kind, one.facts) == ("b", record, Kind.VIDEO, facts)


def test_the_same_bytes_keep_what_either_means_shows_and_is_called() -> None:
    ada, bob = stands_for_person(1), stands_for_person(2)
    there = numbered([file("a", "ada.png", "a", stands_for=(ada,))])
    again = file("b", "bob.png", "a", stands_for=(bob,), shows_person=True, alias="twin")

    (one,) = joined(there, came(again)).references

    assert one.stands_for == (ada, bob)
    assert one.shows_person
    assert one.alias == "twin"


def test_the_same_bytes_keep_what_was_decided_chosen_and_made_of_them() -> None:
    there = file("a", "wave.gif", "1")
    record = Record(verdict=Verdict.CONVERT, code="gif_still", kind=Kind.IMAGE, facts=there.facts)
    made = Made(content="m" * 64, facts=there.facts, target=Target(format="png", kind=Kind.IMAGE))
    there = replace(there, record=record, part=Part(anchor=Anchor.END))
    again = file("b", "again.gif", "1", record=replace(record, code="ok"), made=made)
    (both,) = joined([there], came(again)).references
    assert (both.record, both.part, both.made) == (record, there.part, made)


def test_of_two_files_with_one_alias_the_first_has_it() -> None:
    there = numbered([file("a", "a.png", "a", alias="Hero")])

    _first, second = joined(there, came(file("b", "b.png", "b", alias="hero"))).references

    assert second.alias is None


def test_the_fate_of_what_came_twice_names_the_file_that_was_there() -> None:
    there = numbered([file("a", "sea.png", "z"), file("b", "hero.png", "a")])

    together = joined(there, came(file("c", "copy.png", "a")))

    (fate,) = together.fates
    assert fate.reference_id == "b"
    assert fate.reason == reason("same-file-twice", name="copy.png", other="hero.png", token="@Image2")
