from tests.tsbench.store.test_store import make_spec

# What stores hold already; a key that changes makes every such row be run again.
KEYS = {
    None: "e44b50d1c389cc7aa6a0c5f57be69b65f8d060fb482cd8ce602a122be4bc0937",
    20: "433b0960e7d6fcafdadfc57ee998904e20a7c845e32c80dbe1ee3e2109b262c0",
    "2of20:auroc": "a7e5fbfe1a6b9613919334d75775cffe84633935025630457dd0b715e613670d",
}


def test_keys_stay_what_they_were():
    assert {tuned: make_spec(tuned=tuned).key for tuned in KEYS} == KEYS


def test_what_is_shown_of_overrides_changes_no_key():
    for shown in ({"lr": 0.1}, {"tuned": 3}, {"pretrain_on": "uea"}):
        assert make_spec(overrides=shown).key == KEYS[None]


def test_the_label_names_what_was_set_and_tuned():
    assert make_spec().label == "m"
    assert make_spec(overrides={"z": 1, "lr": 0.1}, tuned="2of20").label == "m[lr=0.1,tuned=2of20,z=1]"
