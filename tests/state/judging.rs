//! Each rule of judging has a slot that breaks it and no other: without the rule, that slot would be consumed.
