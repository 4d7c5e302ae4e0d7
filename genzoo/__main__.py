"""python -m genzoo"""

import sys

from genzoo.cli.main import main

sys.exit(main())
