"""Common English words that carry no meaning in a request: a reader learns that they are not values, and not to
lean on them. Words that requests hang on (paraphrases.TELLING) and words that are values (values.py) are left out.
"""
from . import values

_COMMON = """
a about above across actual actually again against ago ahead alike alive almost alone along already alright also although always among amounting an and another answers any anybody anyhow anyone anything anyway anywhere apart apparently
apply approach appear appears are area around arrange arrive arrives as ask aside assume at available away back bad based basic basically be became because become becomes been beforehand begin begins behind being believe belong belongs below
beneath beside besides best better between beyond bit both bother break bring brings broad brought build built busy but by came can cannot care careful carefully carry case cases catch cause certain certainly chance change changes check
choice choose chosen clean clear clearly close collect combine come comes coming common complete completely concern concerning consider consists contain contained contains continue correct could couple course cover covers crucial
current currently cut daily deal decide decided deep deliver depend depends describe described desired despite detail details did differ different difficult directly discover do does doing done doubt draw drawn during each eager earlier early ease easily easy
effort either else elsewhere employ enough ensure entire entirely equally especially essential even ever every everybody everyone everything everywhere exact exactly examine example except expect expected explain extra extract fact fair fairly
fall falls far fast favor feel feels few fill final finally fine finish finished firmly first fit fits fix follow followed following follows for force form former forth forward fresh from front full fully further future gain gather gave general
generally gently get gets give given gives giving glad go goes going gone good got gotten grab great grow guess had half halt hand handle handed handy happen happens happy hard hardly has hasty have having he hear heard held help
helpful hence her here him his hold holding holds hope hours how however i idea ideally identify if imagine important in include included includes including indeed inform inner inspect instance instead intended interest interested into involve involved is
issue it item items its itself job join just keep keeps kept kind kindly knew knows lack last lately later latest latter lay lead leads learn leave leaves led left less let lets liked likely link little live load local long longer look looked
looking looks lose loss lot lots loud love lovely low made main mainly make makes making manage manner many mark match matter matters may maybe me meanwhile meant measure meet meets mentioned mere merely met middle might mind mine moment more moreover
morning mostly move moved moves much must my myself name named namely near nearby nearly neat necessary needed neither nevertheless new next nice no nobody none nor normal normally nothing notice now nowhere obtain obtained obvious occasion occur occurs odd
of off offer offers often okay old on once one ones only onto open opens or order ordinary other others otherwise ought our ours ourselves out outer outside over overall own owing part particular partly parts pass passed past patient pay people perfect perform
perhaps person pick picked piece place placed plain plan please pleased plenty point points position possible possibly practical precise precisely prefer prepare prepared present presently presents press pretty previous prior probably problem proceed process
produce produced produces proper properly provide provided provides pull purpose push quick quickly quiet quite quote raise ran range rapid rapidly rare rather reach reached reaches real really reason receive recent recently refer refers regard regarding
regular relate related relevant remain remaining remains report request require required rest retain reveal right rise rough roughly round said sake same sat saw saying says search second secure see seek seem seemed seems seen select sense
sensible separate serious serve served set settle several shall share she shift ship short shortly should side similar simple simply since single sit situation slightly slow slowly small smart smooth so soft some somebody somehow someone something sometime
sometimes somewhat somewhere soon sort sought spare speak special specific spell spot stage stand standing stands start state stated stay step steps stick still stop straight strict strictly strong style such sudden suggest suit suitable supply suppose
sure surely surprise take taken takes taking talk task tell ten tend than thanks that the their them themselves then there thereby therefore these they thing things think third this those though thought through throughout thus tidy till
time times tiny to today together told tomorrow tonight too took touch toward towards track transfer treat tried true truly trust try trying turn turned turns twice two ultimately under understand unless until up upon urgent us use used useful user uses
using usual usually utterly various very via view visible vital wait waiting walk want wanted wants was watch way ways we week well went were what whatever when whenever whereas wherever whether which whichever while who whoever whole whom whose why wide
will wish with within without wonder wondering word work worked works world worry worth would write writing wrong year yes yesterday yet you young yours yourself zero
""".split()


def without(telling):
    """The words that are neither in `telling` nor ever a value."""
    values_too = {*values.WORDS, *values.COLUMNS, *values.KEYS, *values.FILES}
    return sorted({w for w in _COMMON if w not in telling and w not in values_too})
