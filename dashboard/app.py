"""The dashboard: four pages over the store's reads. `dashboard.run` says how it is started.

They lie in views/: a folder named pages/ beside this file would be run by Streamlit itself, past the navigation below.
"""

from pathlib import Path

import streamlit as st

from dashboard.views import alerts, fleet, model, shadow
from kernel.errors import DriftglassError

ICON = Path(__file__).with_name("icon.svg")  # a Material icon would be fetched from a host outside


def main() -> None:
    """Draw the page that the address names; what is wrong is told in one sentence."""
    st.set_page_config(page_title="Driftglass", page_icon=str(ICON), layout="wide")
    st.html("<style>[data-testid=stMainBlockContainer]{padding:4rem 2rem 2rem}</style>")
    page = st.navigation([fleet.page(), alerts.page(), model.page(), shadow.page()], position="top")
    try:
        page.run()
    except DriftglassError as error:
        st.error(str(error), icon=":material/error:")


main()
