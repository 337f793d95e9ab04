"""What Python itself imports when it is first asked for, and a component has to import while it is built.

``Popen(..., encoding="latin-1")`` looks for the module of that encoding.
"""

import encodings.ascii
import encodings.cp437
import encodings.cp1252
import encodings.idna
import encodings.iso8859_1
import encodings.iso8859_15
import encodings.latin_1
import encodings.utf_8_sig
import encodings.utf_16
import encodings.utf_16_be
import encodings.utf_16_le
import encodings.utf_32
import encodings.utf_32_be
import encodings.utf_32_le  # noqa: F401
