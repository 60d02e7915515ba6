"""The pull laws, in the order in which they are examined."""

from __future__ import annotations

from connectors.conformance import changing, failing, going_on, listing, telling
from connectors.conformance.law import Law

LAWS: tuple[Law, ...] = (
    Law(
        "everything",
        "A first run delivers every record that the partner holds, in its newest version, and nothing else.",
        going_on.everything_from_the_start,
    ),
    Law(
        "resume",
        "A process that dies after any page goes on from the kept cursor, and in the end everything was delivered.",
        going_on.resume_from_any_cursor,
    ),
    Law(
        "asked-twice",
        "The same cursor may be asked again; an answer that was not kept is given once more.",
        going_on.asked_twice,
    ),
    Law(
        "new-run",
        "A later run delivers what is new and what changed, and skips nothing.",
        going_on.a_new_run_goes_on,
    ),
    Law(
        "small-cursor",
        "A cursor is small JSON of bounded size, without lists of ids and without the time of day.",
        going_on.cursors_are_small,
    ),
    Law("page-size", "No page is larger than the wire allows or the connector promises.", going_on.pages_are_bounded),
    Law("memory", "A connector does not remember by name what it delivered.", going_on.memory_is_bounded),
    Law(
        "ties",
        "Records of one second on both sides of a page's edge are all delivered.",
        changing.ties_across_a_page_edge,
    ),
    Law(
        "edits-between-pages",
        "A record that is edited between two pages is in the end held in its newest version.",
        changing.edits_between_pages,
    ),
    Law(
        "late-within-overlap",
        "A commit that becomes visible late, within the overlap, is delivered by the next run.",
        changing.late_within_the_overlap,
    ),
    Law(
        "late-beyond-overlap",
        "A commit that becomes visible later than that is found by digest and fetch.",
        changing.late_beyond_the_overlap,
    ),
    Law(
        "deletions",
        "A record that the partner no longer holds is neither listed nor fetched.",
        changing.deletions_are_seen,
    ),
    Law(
        "no-empty-error",
        "An answer that is not whole, well-formed and successful is an error and never an empty page.",
        failing.no_error_looks_empty,
    ),
    Law("empty", "Where the partner has nothing, an empty page says so, without an error.", failing.empty_means_empty),
    Law(
        "loud-errors",
        "Whatever goes wrong is an AuthError, TransientError, RejectedError or BadPayloadError, and loses nothing.",
        failing.errors_are_known,
    ),
    Law("credentials", "Wrong credentials are an AuthError, which tells no secret.", failing.wrong_credentials),
    Law("retry-after", "A partner that asks for a pause is quoted with its seconds.", failing.slow_down_is_passed_on),
    Law(
        "identity",
        "Every item names its record, `native_no` is a text, and names are the same in every delivery.",
        telling.identity_is_whole,
    ),
    Law(
        "instants",
        "Times are aware and equal the partner's own wall clock, in whatever zone the hub runs.",
        telling.instants_are_aware_and_unshifted,
    ),
    Law("raw", "An item's body holds every field of the partner's row.", telling.raw_is_whole),
    Law(
        "volatile",
        "What did not change makes no new version, however often and whichever way it is delivered.",
        telling.repeats_make_no_version,
    ),
    Law(
        "unknown-codes",
        "A code that no table knows becomes UNKNOWN and is named; it is never guessed and never an error.",
        telling.unknown_codes_are_named,
    ),
    Law(
        "pure-mapping",
        "`map` depends on the item alone: no clock, no zone, no file, no network, no memory.",
        telling.mapping_is_pure,
    ),
    Law(
        "damaged-rows",
        "Whatever a row holds, `map` understands it or raises BadPayloadError.",
        telling.mapping_bears_anything,
    ),
    Law(
        "digest",
        "The digest lists what is pulled, by the same keys and versions; a list of the past is never newer than we.",
        listing.digest_agrees_with_pull,
    ),
    Law(
        "fetch",
        "`fetch` returns every present row of the asked ids, nothing else, and nothing for an absent one.",
        listing.fetch_is_exact,
    ),
)


def law_named(name: str) -> Law:
    """The law of this name. Raises KeyError."""
    return {law.name: law for law in LAWS}[name]
