"""English given names that are not words as well: the commonest of the United States' census, which is in the public domain.

They tell a name from a word where every word has a capital: at the beginning of a sentence, and in headlines.
"""

import re

_LISTED = """
aaron abigail adam adrian alan albert alex alexander alexandra alexis alfred alice alicia alison allen allison alyssa
amanda amber amy ana andrea andrew angela anita ann anna anne annie anthony antonio arthur ashley audrey barbara
benjamin bernard beth betty beverly bob bobby bradley brandon brenda brian brittany bruce bryan caleb calvin cameron
carl carlos carmen caroline carolyn carrie catherine cathy charles charlie charlotte cheryl chloe chris christian
christina christine christopher cindy claire clara clarence claudia clifford connie courtney craig crystal curtis
cynthia dan daniel danielle danny darlene darrell darren dave david deborah debra denise dennis derek diana diane donald
donna doris dorothy doug douglas dustin dylan eddie edith edna edward edwin eileen elaine eleanor elena elijah elizabeth
ellen emily emma eric erica erik erin ernest esther ethan eugene eva evelyn fiona florence frances francis fred
frederick gabriel gary george gerald gina gladys glenn gloria gordon greg gregory hannah harold harriet harry hazel
heather helen henry herbert holly howard hugh ian irene isaac isabella jack jackie jackson jacob jacqueline jake james
jamie jane janet janice jared jasmine jason javier jay jeff jeffrey jennifer jenny jeremy jerome jerry jesse jessica
jill jim jimmy joan joann joanna joe joel john johnny jon jonathan jordan jorge jose joseph josephine joshua joyce juan
juanita judith judy julia julian julie justin karen karl katherine kathleen kathryn kathy katie kayla keith kelly ken
kenneth kevin kim kimberly kristen kristin kyle larry laura lauren laurie lawrence leah leo leon leonard leroy leslie
lillian linda lisa logan lois lori lorraine louis louise lucas lucy luis luke lydia lynn madison mallory manuel marcus
margaret maria marie marilyn mario marion marjorie marlene martha martin marvin mary matthew maureen maurice megan
melanie melissa melvin michael michelle miguel mike mildred mitchell molly monica nancy natalie natasha nathan nathaniel
nicholas nicole nina noah norma norman oliver olivia oscar pamela patricia patrick paul paula pauline pedro peggy peter
philip phillip phyllis rachel ralph ramon randall randy raymond rebecca regina renee rhonda ricardo richard rita robert
roberta roberto robin rodney roger roland ron ronald ronnie rosa rosemary roy russell ruth ryan sally sam samantha
samuel sandra sara sarah scott sean sebastian seth shannon sharon shawn sheila shelly sherry shirley sidney sophia
sophie stacy stanley stella stephanie stephen steve steven stuart susan suzanne sylvia tamara tammy tara ted teresa
terrance theodore theresa thomas tiffany tim timothy tina todd tom tony tonya tracy travis trevor tyler valerie vanessa
vera veronica vicki victoria vincent virginia vivian walter wanda wayne wendy wesley wilma winnie xavier yolanda yvonne
zachary zoe
"""

GIVEN_NAMES = frozenset(re.findall(r"\w+", _LISTED))
