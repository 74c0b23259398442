"""ECGs whose limb leads are not what their names say."""

from __future__ import annotations

from tsbench.data.limb_leads import MEASURED, TOGETHER, check_limb_leads
from tsbench.data_check.found import Found
from tsbench.data_check.parts import Sides
from tsbench.errors import InvalidDataError

CHECK = "limb leads"


def check_leads(sides: Sides) -> list[Found]:
    """Count the cases of which a limb lead does not follow from the others; nothing where there are no such leads."""
    panel = sides.data.panel
    leads = {name.casefold() for name in panel.channel_names}
    if not any({name.casefold(), *map(str.casefold, terms)} <= leads for name, terms in TOGETHER.items()):
        return []
    names, wrong = panel.case_names(), list[str]()
    for case in range(len(panel)):
        try:
            check_limb_leads(panel.channel_names, panel.X[case], f"case {names[case]}", TOGETHER, MEASURED)
        except InvalidDataError as error:
            wrong.append(str(error))
    if not wrong:
        return [Found(CHECK, "ok", "those of every case follow from each other")]
    what = f"those of {len(wrong)} of {len(panel)} cases do not follow from each other; {wrong[0]}"
    return [Found(CHECK, "warning", what, "see which leads are swapped, or leave these cases out")]
