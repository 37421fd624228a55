"""Page tokens: good for the listing that gave them, and for nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.service.keys import Keyring
from falcon_svc.service.paging import make_token, read_token
from falcon_svc.service.refusals import RequestError
from falcon_svc.storage import Database
from falcon_svc.storage.ids import new_id

RING = Keyring(Database("sqlite:///never-opened.db"), b"pepper")


def test_the_first_page_needs_no_token():
    assert read_token(RING, "jobs of ann", None) is None


@given(st.text(max_size=200))
def test_a_token_leads_back_to_the_id_that_it_was_made_of(listing):
    last = new_id("job")
    assert read_token(RING, listing, make_token(RING, listing, last)) == last


@pytest.mark.parametrize("listing", ["jobs of bob", "jobs of ann\n", "jobs of ann, failed", ""])
def test_a_token_of_one_listing_is_none_of_another(listing):
    token = make_token(RING, "jobs of ann", new_id("job"))
    with pytest.raises(RequestError) as refused:
        read_token(RING, listing, token)
    assert refused.value.code == "bad_page_token"


def test_a_token_of_another_installation_is_none_here():
    token = make_token(Keyring(RING.database, b"other"), "jobs", new_id("job"))
    with pytest.raises(RequestError):
        read_token(RING, "jobs", token)


@given(st.text(max_size=300))
def test_made_up_tokens_are_refused(token):
    with pytest.raises(RequestError):
        read_token(RING, "jobs of ann", token)


def test_a_token_with_any_letter_changed_is_refused():
    token = make_token(RING, "jobs of ann", new_id("job"))
    for place in range(len(token)):
        bent = token[:place] + ("0" if token[place] != "0" else "1") + token[place + 1 :]
        with pytest.raises(RequestError):
            read_token(RING, "jobs of ann", bent)
